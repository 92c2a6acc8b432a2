//! Filled in soon: syslog_peers.
