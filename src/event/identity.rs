//! Who did what a log record says.

use std::borrow::Cow;

use super::bag::Bag;

/// The namespace of the claims that name a person.
const WS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";

/// The claim with the object id in Microsoft Entra.
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/// A user or an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// A user's principal name, else a name as the record has it; of an application that acts for itself its name or id.
    pub name: Option<Cow<'a, str>>,
    /// The object id in Microsoft Entra, or the security identifier of a local account.
    pub id: Option<Cow<'a, str>>,
    /// The application that was used: its name, else its id.
    pub app: Option<Cow<'a, str>>,
    /// The role that allowed it, as `Owner`.
    pub role: Option<Cow<'a, str>>,
}

impl<'a> Identity<'a> {
    /// Reads the record (`top`) and its properties (`own`): `identity` as an object with claims or as a bare name, `caller` and `claims` of
    /// REST, Entra's `initiatedBy`, sign-in and risk members, the account of a row of Defender XDR.
    pub(super) fn read(top: &Bag<'a>, own: &Bag<'a>, identity: &Bag<'a>, claims: &[Bag<'a>]) -> Self {
        let claim = |names: &[&str]| {
            let named = |name: &&str| claims.iter().find_map(|claims| claims.text(name));
            names.iter().find_map(named)
        };
        let ws = |name: &str| claim(&[&format!("{WS}{name}")]);
        let initiator = own.inner("initiatedBy");
        let [user, app] = ["user", "app"].map(|name| initiator.inner(name));
        let evidence = [identity.inner("authorization"), top.inner("authorization")].map(|bag| bag.inner("evidence"));
        let in_evidence = |name: &str| evidence.iter().find_map(|bag| bag.text(name));
        // Storage accounts call it the requester.
        let requester = identity.inner("requester");
        let either = |names: &[&str]| own.first(names).or_else(|| top.first(names));
        Self {
            name: ws("upn")
                .or_else(|| claim(&["upn", "unique_name"]))
                .or_else(|| ws("name"))
                .or_else(|| top.text("caller"))
                .or_else(|| user.first(&["userPrincipalName", "displayName"]))
                .or_else(|| either(&["userPrincipalName", "accountUpn"]))
                .or_else(|| identity.first(&["userPrincipalName", "upn"]))
                .or_else(|| requester.text("upn"))
                .or_else(|| app.first(&["displayName", "servicePrincipalName"]))
                .or_else(|| top.text("identity").filter(|name| !name.starts_with(['{', '['])))
                .or_else(|| claim(&["name"]))
                .or_else(|| {
                    either(&["userDisplayName", "servicePrincipalName", "accountName", "server_principal_name"])
                })
                .or_else(|| ws("spn"))
                .or_else(|| claim(&["appid"])),
            id: claim(&[OBJECT_ID, "oid"])
                .or_else(|| user.text("id"))
                .or_else(|| either(&["userId", "accountObjectId", "servicePrincipalId"]))
                .or_else(|| app.text("servicePrincipalId"))
                .or_else(|| requester.text("objectId"))
                .or_else(|| in_evidence("principalId"))
                .or_else(|| own.text("accountSid")),
            app: either(&["appDisplayName"])
                .or_else(|| app.first(&["displayName", "appId"]))
                .or_else(|| either(&["appId"]))
                .or_else(|| claim(&["appid"]))
                .or_else(|| requester.text("appId")),
            role: in_evidence("role"),
        }
    }
}
