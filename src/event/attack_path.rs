//! An attack path (`Microsoft.Security/attackPaths`), in both of the shapes that are known.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::bag::Bag;
use super::html;
use super::tactics::{self, Tactic};

/// A way through the environment that an attacker could take.
///
/// Shapes, one per record: the older one of Defender CSPM (`attackPathType`, `potentialImpact`, `riskCategories`, `graphComponent{}` whose
/// entities are named by internal ids), and that of Exposure Management (`riskLevel`, `riskFactors`, `entryPoint{}`, `target{}`,
/// `attackPathSteps[]`, `attackStory`). No sample from an event hub is public, so every member may be absent.
#[derive(Debug)]
pub struct AttackPath<'a> {
    /// `AttackPathID`, else `name`, else the end of the id.
    pub path_id: Option<Cow<'a, str>>,
    /// `displayName`.
    pub display_name: Option<Cow<'a, str>>,
    /// `description`, else `attackStory`.
    pub description: Option<Cow<'a, str>>,
    /// `attackPathType`: which kind of path it is.
    pub path_type: Option<Cow<'a, str>>,
    /// `riskLevel`.
    pub risk_level: Option<Cow<'a, str>>,
    /// `potentialImpact`: a severity, or a word such as `DataExposure`.
    pub potential_impact: Option<Cow<'a, str>>,
    /// `riskFactors`, else `riskCategories`.
    pub risk_factors: Vec<Cow<'a, str>>,
    /// Where the path begins.
    pub entry_point: Option<PathEnd<'a>>,
    /// What the path leads to.
    pub target: Option<PathEnd<'a>>,
    /// How many steps or connections it has; none where the record does not say.
    pub steps: Option<usize>,
    /// The Azure resources on the path, in order, each once, as far as the record names them.
    pub resources: Vec<Cow<'a, str>>,
    /// `mITRETacticsAndTechniques`, as they came. See [`AttackPath::tactics`].
    pub tactics_and_techniques: Vec<Cow<'a, str>>,
    /// `manualRemediationSteps` as it came. See [`AttackPath::remediation_steps`].
    pub remediation: Vec<Cow<'a, str>>,
    /// `isPartialAttackPath`.
    pub is_partial: Option<bool>,
}

/// One end of an attack path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathEnd<'a> {
    /// Its Azure resource id; where the record has none, its internal id.
    pub id: Option<Cow<'a, str>>,
    /// Its name.
    pub name: Option<Cow<'a, str>>,
    /// Its type.
    pub kind: Option<Cow<'a, str>>,
}

impl<'a> PathEnd<'a> {
    /// Reads one end; an object without any of the members is none.
    fn read(end: &Bag<'a>) -> Option<Self> {
        let identifiers = ["entityIdentifiers", "identifiers", "resource"].map(|name| end.inner(name));
        let resource = [end, &identifiers[0], &identifiers[1], &identifiers[2]]
            .into_iter()
            .find_map(|one| one.first(&["azureResourceId", "resourceId"]));
        let id = resource.or_else(|| identifiers[2].text("id"));
        let found = Self {
            id: id.or_else(|| end.first(&["id", "entityInternalId", "internalId", "nodeId"])),
            name: end.first(&["entityName", "name", "displayName", "nodeName", "resourceName"]),
            kind: end.first(&["entityType", "type", "resourceType", "nodeLabel", "kind"]),
        };
        (found != Self::default()).then_some(found)
    }

    /// What a person would call it: its name, else its id.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.name.as_deref().or(self.id.as_deref())
    }
}

impl<'a> AttackPath<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        let graph = own.inner("graphComponent");
        let entities = graph.objects("entities");
        let steps = own.objects("attackPathSteps");
        // The end itself, or the entity with the internal id that the older shape names.
        let end = |object: &str, internal: &str| {
            let by_id = |id: Cow<'a, str>| {
                let named = |entity: &&Bag<'a>| entity.text("entityInternalId").as_ref() == Some(&id);
                let entity = entities.iter().find(named).and_then(PathEnd::read);
                entity.or(Some(PathEnd { id: Some(id), ..PathEnd::default() }))
            };
            PathEnd::read(&own.inner(object)).or_else(|| own.text(internal).and_then(by_id))
        };
        let (entry_point, target) =
            (end("entryPoint", "entryPointEntityInternalID"), end("target", "targetEntityInternalID"));
        let on_path = entities.iter().chain(&steps).filter_map(PathEnd::read);
        let ends = entry_point.clone().into_iter().chain(on_path).chain(target.clone());
        let mut seen = BTreeSet::new();
        let is_new = |id: &Cow<'a, str>| id.starts_with('/') && seen.insert(id.to_ascii_lowercase());
        let resources = ends.filter_map(|end| end.id).filter(is_new).collect();
        let list = |names: [&str; 2]| {
            names.iter().map(|name| own.list(name)).find(|list| !list.is_empty()).unwrap_or_default()
        };
        Self {
            path_id: own.first(&["attackPathId", "id"]).or_else(|| top.first(&["name", "id"])),
            display_name: own.first(&["displayName", "attackPathDisplayName"]),
            description: own.first(&["description", "attackStory"]),
            path_type: own.text("attackPathType"),
            risk_level: own.text("riskLevel").or_else(|| top.text("riskLevel")),
            potential_impact: own.text("potentialImpact"),
            risk_factors: list(["riskFactors", "riskCategories"]),
            entry_point,
            target,
            steps: [own.length("attackPathSteps"), graph.length("connections")].into_iter().flatten().next(),
            resources,
            tactics_and_techniques: list(["mITRETacticsAndTechniques", "tactics"]),
            remediation: own.list("manualRemediationSteps"),
            is_partial: own.flag("isPartialAttackPath"),
        }
    }

    /// The tactics of MITRE ATT&CK, in order, each once.
    #[must_use]
    pub fn tactics(&self) -> Vec<Tactic> {
        tactics::parse(&self.tactics_and_techniques.join(","))
    }

    /// What to do, one step a line, without HTML.
    #[must_use]
    pub fn remediation_steps(&self) -> Vec<String> {
        self.remediation.iter().flat_map(|step| html::lines(step)).collect()
    }
}
