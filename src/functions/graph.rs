//! Function `graph`: alerts of the whole tenant from Microsoft Graph.

use jiff::Timestamp;

use super::Failed;
use crate::app::App;
use crate::host::InvocationReply;

/// Does nothing where it is not configured.
pub(super) async fn run(app: &App, _now: Timestamp) -> Result<InvocationReply, Failed> {
    let Some(_graph) = &app.graph else {
        return Ok(InvocationReply::success(vec!["not configured".to_owned()]));
    };
    Ok(InvocationReply::success(Vec::new()))
}
