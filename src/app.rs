//! STUB app: replaced by main's.
#![allow(missing_docs)]

use std::process::ExitCode;

use crate::deliver::Outlet;
use crate::destinations::Kind;
use crate::route::Route;
use crate::settings::{Setting, SettingsError, Values};

pub const SECTIONS: &[(&str, &[Setting])] = &[];

#[derive(Debug)]
pub struct Instance {
    pub outlet: Outlet,
    pub kind: &'static Kind,
    pub route: Route,
}

pub async fn serve(_values: Values) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}

pub fn open_destinations(_values: &Values) -> Result<Vec<Instance>, SettingsError> {
    Ok(Vec::new())
}

pub fn check(_values: &Values) -> Result<(), SettingsError> {
    Ok(())
}
