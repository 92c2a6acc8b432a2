//! The Azure clouds, and which hosts may see a token of Microsoft Entra ID.
//!
//! A token is worth what its audience lets it do, wherever it ends up. So each audience comes with the hosts that serve it, and a token
//! goes nowhere else, whatever the settings or a server's answer say.

use std::fmt;

use url::{Host, Url};

/// An Azure cloud, as the setting `AZURE_CLOUD` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// Azure; Microsoft 365 GCC (not High) uses it too.
    #[default]
    Public,
    /// Azure Government.
    UsGovernment,
    /// Azure operated by 21Vianet.
    China,
}

impl Cloud {
    /// The words of the setting, ours first, then those of `az cloud list` and of Azure SDKs.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("public", Self::Public),
        ("usgov", Self::UsGovernment),
        ("china", Self::China),
        ("AzureCloud", Self::Public),
        ("AzureUSGovernment", Self::UsGovernment),
        ("AzureChinaCloud", Self::China),
    ];

    /// The cloud of that name, without regard to case.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim())).map(|(_, cloud)| *cloud)
    }

    /// The setting's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGovernment => "usgov",
            Self::China => "china",
        }
    }

    /// Host of Microsoft Entra ID, where tokens come from.
    #[must_use]
    pub const fn authority(self) -> &'static str {
        match self {
            Self::Public => "login.microsoftonline.com",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::China => "login.chinacloudapi.cn",
        }
    }
}

/// A Microsoft service that takes Entra tokens from this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The Logs Ingestion API of Azure Monitor.
    Monitor,
    /// The Power BI REST API.
    PowerBi,
    /// Azure Data Explorer, and the Eventhouses of Microsoft Fabric.
    Kusto,
    /// Microsoft Graph: alerts of the whole tenant.
    Graph,
    /// Microsoft Graph of the US Department of Defense (L5); part of Azure Government otherwise.
    GraphDod,
    /// Azure Resource Manager: Defender for Cloud's alerts, Sentinel's incidents.
    Arm,
}

impl Service {
    const ALL: [Self; 6] = [Self::Monitor, Self::PowerBi, Self::Kusto, Self::Graph, Self::GraphDod, Self::Arm];

    /// Resource of the token, and the hosts that serve it; a leading dot stands for any name before it.
    ///
    /// Azure Monitor: [Logs Ingestion API](https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview). Power BI:
    /// [national clouds](https://learn.microsoft.com/power-bi/developer/embedded/embed-sample-for-customers-national-clouds). Kusto:
    /// [authentication](https://learn.microsoft.com/kusto/api/rest/authentication). Graph:
    /// [national clouds](https://learn.microsoft.com/graph/deployments). Resource Manager:
    /// [endpoints of Azure Government](https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure).
    const fn facts(self, cloud: Cloud) -> (&'static str, &'static [&'static str]) {
        match (self, cloud) {
            (Self::Monitor, Cloud::Public) => ("https://monitor.azure.com", &[".ingest.monitor.azure.com"]),
            (Self::Monitor, Cloud::UsGovernment) => ("https://monitor.azure.us", &[".ingest.monitor.azure.us"]),
            (Self::Monitor, Cloud::China) => ("https://monitor.azure.cn", &[".ingest.monitor.azure.cn"]),
            (Self::PowerBi, Cloud::Public) => ("https://analysis.windows.net/powerbi/api", &["api.powerbi.com"]),
            (Self::PowerBi, Cloud::UsGovernment) => {
                ("https://analysis.usgovcloudapi.net/powerbi/api", &["api.powerbigov.us"])
            }
            (Self::PowerBi, Cloud::China) => ("https://analysis.chinacloudapi.cn/powerbi/api", &["api.powerbi.cn"]),
            (Self::Kusto, Cloud::Public) => {
                ("https://kusto.kusto.windows.net", &[".kusto.windows.net", ".kusto.fabric.microsoft.com"])
            }
            (Self::Kusto, Cloud::UsGovernment) => {
                ("https://kusto.kusto.usgovcloudapi.net", &[".kusto.usgovcloudapi.net"])
            }
            (Self::Kusto, Cloud::China) => ("https://kusto.kusto.chinacloudapi.cn", &[".kusto.chinacloudapi.cn"]),
            // Only Azure Government has a second Graph; elsewhere the name stands for the one that there is.
            (Self::Graph | Self::GraphDod, Cloud::Public) => ("https://graph.microsoft.com", &["graph.microsoft.com"]),
            (Self::Graph, Cloud::UsGovernment) => ("https://graph.microsoft.us", &["graph.microsoft.us"]),
            (Self::GraphDod, Cloud::UsGovernment) => ("https://dod-graph.microsoft.us", &["dod-graph.microsoft.us"]),
            (Self::Graph | Self::GraphDod, Cloud::China) => {
                ("https://microsoftgraph.chinacloudapi.cn", &["microsoftgraph.chinacloudapi.cn"])
            }
            (Self::Arm, Cloud::Public) => ("https://management.azure.com", &["management.azure.com"]),
            (Self::Arm, Cloud::UsGovernment) => {
                ("https://management.usgovcloudapi.net", &["management.usgovcloudapi.net"])
            }
            (Self::Arm, Cloud::China) => ("https://management.chinacloudapi.cn", &["management.chinacloudapi.cn"]),
        }
    }
}

/// Hosts that may see a token. This machine always may: what listens there is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Only the host of that URL.
    #[must_use]
    pub fn only(url: &Url) -> Self {
        Self(url.host_str().map(str::to_ascii_lowercase).into_iter().collect())
    }

    /// Whether a token may go there: over TLS to one of these hosts, or to this machine.
    #[must_use]
    pub fn admit(&self, url: &Url) -> bool {
        if is_loopback(url) {
            return true;
        }
        let Some(Host::Domain(host)) = url.host() else { return false };
        let host = host.strip_suffix('.').unwrap_or(host);
        url.scheme() == "https"
            && self.0.iter().any(|known| match known.strip_prefix('.') {
                Some(_) => host.len() > known.len() && host.ends_with(known.as_str()),
                None => host == known,
            })
    }
}

impl fmt::Display for Hosts {
    /// For messages: `*.ingest.monitor.azure.com`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, host) in self.0.iter().enumerate() {
            let (comma, star) = (if number > 0 { " or " } else { "" }, if host.starts_with('.') { "*" } else { "" });
            write!(f, "{comma}{star}{host}")?;
        }
        Ok(())
    }
}

/// What a token is for: its scope, and the only hosts that may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Scope to ask for: `https://monitor.azure.com/.default`.
    pub scope: String,
    /// Who may see the token.
    pub hosts: Hosts,
}

impl Audience {
    /// The audience of a Microsoft service.
    #[must_use]
    pub fn of(service: Service, cloud: Cloud) -> Self {
        let (resource, hosts) = service.facts(cloud);
        let hosts = Hosts(hosts.iter().map(|host| (*host).to_owned()).collect());
        Self { scope: format!("{resource}/.default"), hosts }
    }

    /// The audience of somebody else's API at `url`, which its owner names by `scope`: `api://<id>/.default`, or a URL of the host that
    /// `url` leads to.
    ///
    /// # Errors
    /// Any other scope, such as one of Microsoft's own services, or a bare application id, which may be one of those: such a token must
    /// never reach anybody else.
    pub fn partner(scope: &str, url: &Url) -> Result<Self, &'static str> {
        const FORMS: &str = "must be api://<id>/.default, or https://<host>/.default with the host of URL or a domain that it belongs to: \
                             a token for anything else goes to no partner";
        let resource = Url::parse(scope).map_err(|_| FORMS)?;
        let to_owner = match resource.scheme() {
            "api" => resource.has_host(),
            // What listens on this machine is ours, whatever it plays.
            "https" => is_loopback(url) && !is_microsoft(&resource) || belongs(url, &resource),
            _ => false,
        };
        to_owner.then(|| Self { scope: scope.to_owned(), hosts: Hosts::only(url) }).ok_or(FORMS)
    }
}

/// Whether the scope names one of the services that this program has tokens for.
fn is_microsoft(scope: &Url) -> bool {
    let clouds = [Cloud::Public, Cloud::UsGovernment, Cloud::China];
    Service::ALL.iter().any(|service| {
        clouds.iter().any(|cloud| {
            Url::parse(service.facts(*cloud).0).is_ok_and(|resource| resource.host_str() == scope.host_str())
        })
    })
}

/// Whether the URL's host is that of the scope, or below it.
fn belongs(url: &Url, scope: &Url) -> bool {
    let (Some(Host::Domain(host)), Some(Host::Domain(domain))) = (url.host(), scope.host()) else { return false };
    let (host, domain) = (host.trim_end_matches('.'), domain.trim_end_matches('.'));
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Whether the URL leads to this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_token_goes_to_its_own_hosts_only() {
        let monitor = Audience::of(Service::Monitor, Cloud::Public);
        assert_eq!(monitor.scope, "https://monitor.azure.com/.default");
        for good in [
            "https://soc-x1.westeurope-1.ingest.monitor.azure.com/dataCollectionRules",
            "https://SOC.ingest.monitor.azure.com./x",
            "http://127.0.0.1:9/",
            "http://[::1]/",
        ] {
            assert!(monitor.hosts.admit(&url(good)), "{good}");
        }
        for bad in [
            "https://ingest.monitor.azure.com/",
            "https://evilingest.monitor.azure.com/",
            "https://x.ingest.monitor.azure.com.evil.example/",
            "https://x.ingest.monitor.azure.us/",
            "http://x.ingest.monitor.azure.com/",
            "https://evil.example/.ingest.monitor.azure.com",
            "https://203.0.113.9/",
        ] {
            assert!(!monitor.hosts.admit(&url(bad)), "{bad}");
        }
    }

    #[test]
    fn each_cloud_has_its_own_audiences() {
        for service in Service::ALL {
            let scopes: Vec<String> =
                Cloud::WORDS[..3].iter().map(|(_, cloud)| Audience::of(service, *cloud).scope).collect();
            assert!(scopes[0] != scopes[1] && scopes[1] != scopes[2] && scopes[0] != scopes[2], "{scopes:?}");
        }
    }

    #[test]
    fn a_partner_gets_no_token_of_microsofts() {
        let partner = url("https://api.partner.example/alerts");
        for scope in [
            "https://api.partner.example/.default",
            "https://partner.example/.default",
            "HTTPS://API.partner.example/.default",
            "api://f2c1/.default",
        ] {
            let audience = Audience::partner(scope, &partner).unwrap();
            assert!(audience.hosts.admit(&partner) && !audience.hosts.admit(&url("https://other.example/")));
        }
        for scope in [
            "https://graph.microsoft.com/.default",
            "HTTPS://graph.microsoft.com/.default",
            "https://graph.microsoft.com./.default",
            "https://MANAGEMENT.core.windows.net//.default",
            "https://monitor.azure.us/.default",
            "https://other.api.partner.example/.default",
            "https://artner.example/.default",
            "http://api.partner.example/.default",
            "00000003-0000-0000-c000-000000000000/.default",
            "797f4846-ba00-4fd7-ba43-dac1f8f63013/.default",
            ".default",
            "",
        ] {
            assert!(Audience::partner(scope, &partner).is_err(), "{scope}");
        }
        let here = url("http://127.0.0.1:9/hook");
        assert!(Audience::partner("https://api.partner.example/.default", &here).is_ok());
        assert!(Audience::partner("https://monitor.azure.com/.default", &here).is_err());
    }

    #[test]
    fn clouds_have_the_names_that_people_use() {
        assert_eq!(Cloud::from_text("AzureUSGovernment"), Some(Cloud::UsGovernment));
        assert_eq!(Cloud::from_text(" China "), Some(Cloud::China));
        assert_eq!(Cloud::from_text("germany"), None);
        for (word, cloud) in &Cloud::WORDS[..3] {
            assert_eq!(cloud.name(), *word);
        }
    }
}
