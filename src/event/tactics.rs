//! Defender for Cloud's intents as MITRE ATT&CK tactics.

/// A tactic of MITRE ATT&CK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tactic {
    /// Its name: `Initial Access`.
    pub name: &'static str,
    /// Its id: `TA0001`.
    pub id: &'static str,
}

/// Intents as they are written, without spaces, underscores and case, and what they mean (ATT&CK v17; the last three are of
/// ATT&CK for ICS). `Probing` and `Exploitation` are of API versions until 2019.
const TABLE: [(&str, Tactic); 23] = [
    ("preattack", RECONNAISSANCE),
    ("probing", RECONNAISSANCE),
    ("reconnaissance", RECONNAISSANCE),
    ("resourcedevelopment", Tactic { name: "Resource Development", id: "TA0042" }),
    ("exploitation", INITIAL_ACCESS),
    ("initialaccess", INITIAL_ACCESS),
    ("execution", Tactic { name: "Execution", id: "TA0002" }),
    ("persistence", Tactic { name: "Persistence", id: "TA0003" }),
    ("privilegeescalation", Tactic { name: "Privilege Escalation", id: "TA0004" }),
    ("defenseevasion", DEFENSE_EVASION),
    ("defenceevasion", DEFENSE_EVASION),
    ("credentialaccess", Tactic { name: "Credential Access", id: "TA0006" }),
    ("discovery", Tactic { name: "Discovery", id: "TA0007" }),
    ("lateralmovement", Tactic { name: "Lateral Movement", id: "TA0008" }),
    ("collection", Tactic { name: "Collection", id: "TA0009" }),
    ("exfiltration", Tactic { name: "Exfiltration", id: "TA0010" }),
    ("commandandcontrol", COMMAND_AND_CONTROL),
    ("c2", COMMAND_AND_CONTROL),
    ("commandcontrol", COMMAND_AND_CONTROL),
    ("impact", Tactic { name: "Impact", id: "TA0040" }),
    ("impairprocesscontrol", Tactic { name: "Impair Process Control", id: "TA0106" }),
    ("inhibitresponsefunction", Tactic { name: "Inhibit Response Function", id: "TA0107" }),
    ("evasion", Tactic { name: "Evasion", id: "TA0103" }),
];

const RECONNAISSANCE: Tactic = Tactic { name: "Reconnaissance", id: "TA0043" };
const INITIAL_ACCESS: Tactic = Tactic { name: "Initial Access", id: "TA0001" };
const DEFENSE_EVASION: Tactic = Tactic { name: "Defense Evasion", id: "TA0005" };
const COMMAND_AND_CONTROL: Tactic = Tactic { name: "Command and Control", id: "TA0011" };

impl Tactic {
    /// The tactic that a word means, as Defender for Cloud or ATT&CK writes it; without regard to case, spaces and underscores.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let folded: String =
            name.chars().filter(|c| !matches!(c, ' ' | '_' | '\t')).map(|c| c.to_ascii_lowercase()).collect();
        TABLE.iter().find(|(known, _)| *known == folded).map(|(_, tactic)| *tactic)
    }
}

/// The tactics of an intent: one word, a comma list, or the text of a JSON list; in order, each once. Other words give none.
pub(super) fn parse(intent: &str) -> Vec<Tactic> {
    let list: Vec<String> = match intent.trim_start().starts_with('[') {
        true => serde_json::from_str(intent).unwrap_or_default(),
        false => vec![intent.to_owned()],
    };
    let mut tactics = Vec::new();
    for word in list.iter().flat_map(|item| item.split(',')) {
        if let Some(tactic) = Tactic::from_name(word)
            && !tactics.contains(&tactic)
        {
            tactics.push(tactic);
        }
    }
    tactics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_in_every_form() {
        let ids = |intent: &str| parse(intent).into_iter().map(|tactic| tactic.id).collect::<Vec<_>>();
        assert_eq!(ids("Persistence, CredentialAccess"), ["TA0003", "TA0006"]);
        assert_eq!(ids("PreAttack,Probing"), ["TA0043"]);
        assert_eq!(ids(r#"["Execution","Initial Access"]"#), ["TA0002", "TA0001"]);
        assert_eq!(ids("command_and_control"), ["TA0011"]);
        assert_eq!(ids("DEFENSE EVASION"), ["TA0005"]);
        for none in ["", "Unknown", "[", r#"[1]"#, "SuspiciousActivity"] {
            assert_eq!(ids(none), [""; 0], "{none}");
        }
    }
}
