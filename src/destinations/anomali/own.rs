//! What is never published, whatever the alert says: reserved addresses, names of Azure, and what the settings call the organisation's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

use crate::settings::Section;

/// The settings `OWN_NETWORKS` and `OWN_DOMAINS`, and what is nobody's to publish.
#[derive(Debug, Default)]
pub(super) struct Own {
    networks: Vec<Network>,
    domains: Vec<String>,
}

impl Own {
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let networks =
            entries(section, "OWN_NETWORKS", "must be an address or a network such as 198.51.100.0/24", Network::parse);
        let domains = entries(section, "OWN_DOMAINS", "must be a domain name such as contoso.com", |text| {
            domain(text.trim_start_matches("*.").trim_start_matches('.'))
        });
        Self { networks, domains }
    }

    /// Whether the settings name nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.domains.is_empty()
    }

    /// Whether the address is somebody's on the internet, and by the settings not ours.
    ///
    /// Addresses for documentation count as somebody's: they are nobody's secret, and examples and drills play the attacker with them.
    pub(super) fn is_foreign_address(&self, address: IpAddr) -> bool {
        let reserved = match address {
            IpAddr::V4(_) => RESERVED_V4.iter().any(|network| network.holds(address)),
            IpAddr::V6(_) => !UNICAST_V6.holds(address) || RESERVED_V6.iter().any(|network| network.holds(address)),
        };
        !reserved && !self.networks.iter().any(|network| network.holds(address))
    }

    /// Whether the name, as [`domain`] makes it, is a public one, not below Azure's or Microsoft's domains, and by the settings not ours.
    pub(super) fn is_foreign_domain(&self, name: &str) -> bool {
        let top = name.rsplit('.').next().unwrap_or_default();
        !LOCAL_TOPS.contains(&top)
            && !MICROSOFT.iter().any(|suffix| is_below(name, suffix))
            && !self.domains.iter().any(|suffix| is_below(name, suffix))
    }
}

/// The entries of a comma list; one that does not parse is a fault that names its number, never its text.
pub(super) fn entries<T>(section: &Section<'_>, key: &str, problem: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let text = section.text(key).unwrap_or_default();
    let given = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let parsed = (1..).zip(given).filter_map(|(number, entry)| {
        let parsed = parse(entry);
        if parsed.is_none() {
            section.fault(key, &format!("entry {number} {problem}"));
        }
        parsed
    });
    parsed.collect()
}

/// Whether a name is the suffix itself or a name below it.
pub(super) fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// A domain name of at least two labels as it is compared and published: ASCII, lower case, without a final dot.
pub(super) fn domain(text: &str) -> Option<String> {
    let Ok(Host::Domain(name)) = Host::parse(text.trim().trim_end_matches('.')) else { return None };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let (_, top) = name.rsplit_once('.')?;
    (name.len() <= 253 && name.split('.').all(is_label) && top.starts_with(|c: char| c.is_ascii_alphabetic()))
        .then_some(name)
}

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    const fn v4(bytes: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = bytes;
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6(first: u16, second: u16, prefix: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0)), prefix }
    }

    /// `198.51.100.0/24`, `2001:db8::/32`, or one address.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok())?;
        (prefix <= longest).then_some(Self { address, prefix })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let alike = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        alike >= u32::from(self.prefix)
    }
}

/// IPv4 addresses that are nobody's on the internet (IANA special-purpose registry), and Azure's own
/// [platform address](https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
const RESERVED_V4: [Network; 13] = [
    Network::v4([0, 0, 0, 0], 8),
    Network::v4([10, 0, 0, 0], 8),
    Network::v4([100, 64, 0, 0], 10),
    Network::v4([127, 0, 0, 0], 8),
    Network::v4([168, 63, 129, 16], 32),
    Network::v4([169, 254, 0, 0], 16),
    Network::v4([172, 16, 0, 0], 12),
    Network::v4([192, 0, 0, 0], 24),
    Network::v4([192, 88, 99, 0], 24),
    Network::v4([192, 168, 0, 0], 16),
    Network::v4([198, 18, 0, 0], 15),
    // Multicast, then reserved and broadcast.
    Network::v4([224, 0, 0, 0], 4),
    Network::v4([240, 0, 0, 0], 4),
];

/// All of IPv6 that is given out: loopback, mapped IPv4, NAT64, local, link-local and multicast addresses lie outside.
const UNICAST_V6: Network = Network::v6(0x2000, 0, 3);

/// Exceptions inside [`UNICAST_V6`]: protocol assignments with Teredo, 6to4, documentation of RFC 9637.
const RESERVED_V6: [Network; 3] = [Network::v6(0x2001, 0, 23), Network::v6(0x2002, 0, 16), Network::v6(0x3fff, 0, 20)];

/// Top labels of names that mean something on a private network only.
const LOCAL_TOPS: [&str; 11] =
    ["arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "private"];

/// Domains under which Azure and Microsoft 365 give names to their customers' resources, in all clouds, and Microsoft's own.
///
/// Somebody else's resource is no indicator either: whoever blocks its domain blocks the service.
const MICROSOFT: [&str; 52] = [
    "aka.ms",
    "applicationinsights.io",
    "azmk8s.io",
    "azure-api.cn",
    "azure-api.net",
    "azure-api.us",
    "azure-automation.net",
    "azure-devices.net",
    "azure-mobile.net",
    "azure.cn",
    "azure.com",
    "azure.net",
    "azure.us",
    "azurecontainer.io",
    "azurecontainerapps.io",
    "azurecr.cn",
    "azurecr.io",
    "azurecr.us",
    "azuredatabricks.net",
    "azureedge.net",
    "azureedge.us",
    "azurefd.net",
    "azurefd.us",
    "azurehdinsight.net",
    "azureiotcentral.com",
    "azurestaticapps.net",
    "azuresynapse.net",
    "azurewebsites.net",
    "azurewebsites.us",
    "chinacloudapi.cn",
    "chinacloudapp.cn",
    "chinacloudsites.cn",
    "cloudapp.net",
    "live.com",
    "microsoft.com",
    "microsoft.us",
    "microsoftonline.com",
    "microsoftonline.us",
    "msedge.net",
    "office.com",
    "office.net",
    "office365.com",
    "onmicrosoft.com",
    "onmicrosoft.us",
    "sharepoint.com",
    "signalr.net",
    "trafficmanager.net",
    "usgovcloudapi.net",
    "usgovcloudapp.net",
    "usgovtrafficmanager.net",
    "windows.net",
    "windowsupdate.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(text: &str) -> bool {
        Own::default().is_foreign_address(text.parse().unwrap())
    }

    #[test]
    fn addresses_that_are_nobodys_are_not_foreign() {
        for address in [
            "0.1.2.3",
            "10.0.0.4",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:93.184.216.34",
            "::ffff:10.0.0.1",
            "64:ff9b::5db8:d822",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001::1",
            "2001:1ff::1",
            "2002:a00:1::1",
            "3fff::1",
            "4000::1",
            "100::1",
        ] {
            assert!(!foreign(address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "168.63.129.17",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.113.9",
            "223.255.255.255",
            "2001:200::1",
            "2001:db8::7",
            "2606:2800:220:1:248:1893:25c8:1946",
            "2a00::1",
        ] {
            assert!(foreign(address), "{address}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        for (network, inside, outside) in [
            ("198.51.100.0/24", "198.51.100.255", "198.51.101.0"),
            ("198.51.100.9", "198.51.100.9", "198.51.100.8"),
            ("2001:db8:1::/48", "2001:db8:1:ffff::1", "2001:db8:2::1"),
            ("0.0.0.0/0", "1.2.3.4", "::1"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.holds(inside.parse().unwrap()), "{inside}");
            assert!(!network.holds(outside.parse().unwrap()), "{outside}");
        }
        for bad in ["", "198.51.100.0/33", "::/129", "198.51.100.0/", "a/8", "198.51.100/24", "1.2.3.4/-1"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn domains_are_brought_into_one_form_or_refused() {
        for (text, name) in [
            ("Evil.Example", "evil.example"),
            (" evil.example. ", "evil.example"),
            ("_x.évil.example", "_x.xn--vil-9la.example"),
        ] {
            assert_eq!(domain(text).as_deref(), Some(name));
        }
        for bad in [
            "",
            "localhost",
            "evil",
            "1.2.3.4",
            "0x7f.1",
            "evil..example",
            "evil.example/x",
            "a b.example",
            "x.123",
            "ev\nil.example",
            "<null>",
            "%{Domain}",
            "a@b.example",
            "[::1]",
            "*.evil.example",
        ] {
            assert_eq!(domain(bad), None, "{bad}");
        }
        assert_eq!(domain(&format!("{}.example", "a".repeat(64))), None);
    }

    #[test]
    fn names_of_azure_and_of_private_networks_are_not_foreign() {
        let own = Own { domains: vec!["contoso.com".into()], ..Own::default() };
        for name in [
            "stprod.blob.core.windows.net",
            "shop.azurewebsites.net",
            "sql1.database.windows.net",
            "kv1.vault.azure.net",
            "sql1.database.usgovcloudapi.net",
            "stprod.blob.core.chinacloudapi.cn",
            "web01.westeurope.cloudapp.azure.com",
            "acme.azurecr.io",
            "shop.hcp.westeurope.azmk8s.io",
            "contoso.onmicrosoft.com",
            "login.microsoftonline.com",
            "windows.net",
            "contoso.com",
            "www.contoso.com",
            "dc1.corp",
            "dc1.ad.local",
            "5.113.0.203.in-addr.arpa",
        ] {
            assert!(!own.is_foreign_domain(name), "{name}");
        }
        for name in [
            "evil.example",
            "notcontoso.com",
            "contoso.com.evil.example",
            "evilwindows.net",
            "azurewebsites.net.evil.example",
        ] {
            assert!(own.is_foreign_domain(name), "{name}");
        }
    }
}
