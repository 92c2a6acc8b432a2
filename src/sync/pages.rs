//! Lists that come in pages.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use crate::api::{Api, ApiError};

/// How a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// By GET.
    Get,
    /// By an empty POST.
    Post,
}

/// One page.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    /// The items, unread: one that is odd spoils no other. An answer without them is no empty list.
    pub(super) value: Vec<Box<RawValue>>,
    /// Where the next page is.
    #[serde(default, rename = "nextLink")]
    next: Option<String>,
}

impl Page {
    /// The page at that address.
    ///
    /// # Errors
    /// When there is no good answer.
    pub(super) async fn read(api: &Api, ask: Ask, url: Url, deadline: Instant) -> Result<Self, ApiError> {
        match ask {
            Ask::Get => api.get(url, &[], deadline).await,
            Ask::Post => api.read_by_post(url, deadline).await,
        }
    }

    /// The address of the next page, if there is one. It must be of the same list: a link may go to another host with our token, and a POST
    /// to another path may do anything.
    ///
    /// # Errors
    /// When it leads elsewhere.
    pub(super) fn next(&self, api: &Api, here: &Url) -> Result<Option<Url>, ApiError> {
        let Some(link) = self.next.as_deref().filter(|link| !link.is_empty()) else { return Ok(None) };
        let next = api.next_page(link)?;
        if next.path().eq_ignore_ascii_case(here.path()) {
            return Ok(Some(next));
        }
        Err(ApiError::Strange("the link to the next page leads to another resource; it is not followed".to_owned()))
    }
}

/// What came of a list.
#[derive(Debug)]
pub(super) struct List {
    /// The items.
    pub(super) items: Vec<Box<RawValue>>,
    /// Whether there is more, beyond the pages that are read.
    pub(super) cut: bool,
}

/// Reads at most so many pages. A link that comes again ends the list.
///
/// # Errors
/// When a page does not come.
pub(super) async fn all(api: &Api, ask: Ask, url: Url, most: usize, deadline: Instant) -> Result<List, ApiError> {
    let mut list = List { items: Vec::new(), cut: false };
    let mut seen = BTreeSet::new();
    let mut next = Some(url);
    while let Some(url) = next.take() {
        if seen.len() >= most {
            list.cut = true;
            break;
        }
        if !seen.insert(url.to_string()) {
            break;
        }
        let page = Page::read(api, ask, url.clone(), deadline).await?;
        next = page.next(api, &url)?;
        list.items.extend(page.value);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_list_is_no_empty_list() {
        assert!(serde_json::from_str::<Page>(r#"{"value": []}"#).is_ok());
        for answer in ["{}", "[]", r#"{"error": {}}"#, r#"{"value": null}"#] {
            assert!(serde_json::from_str::<Page>(answer).is_err(), "{answer}");
        }
    }
}
