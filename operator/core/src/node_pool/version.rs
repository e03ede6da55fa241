//! Which version of Azure Service Operator's kind is spoken: it adds some and drops others with every release.

/// The version that an object is applied by: the one it was applied by before while that is served, so that an upgrade of
/// Azure Service Operator alone changes nothing, else the newest that is no preview.
#[must_use]
pub fn version<'a>(served: &'a [String], applied: Option<&str>) -> Option<&'a str> {
    let kept = served.iter().find(|version| Some(version.as_str()) == applied);
    let stable = served.iter().filter_map(|version| Some((date(version)?, version)));
    // Of one date there may be two names; those with `v1api` are going.
    let newest = || stable.max_by_key(|(date, version)| (*date, !version.starts_with("v1api")));
    kept.or_else(|| newest().map(|(_, version)| version)).map(String::as_str)
}

/// `v20260501` and, before 2026, `v1api20250801`; previews, and versions for Azure Service Operator's own
/// use, have something behind the date.
fn date(version: &str) -> Option<u32> {
    let digits = version.strip_prefix("v1api").or_else(|| version.strip_prefix('v'))?;
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_newest_stable_version_is_chosen_and_then_kept_while_it_is_served() {
        let served = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let all = served(&[
            "v1api20210501",
            "v20260301",
            "v20260501storage",
            "v20260301storage",
            "v20261002preview",
            "v1api20250801",
        ]);
        assert_eq!(version(&all, None), Some("v20260301"));
        assert_eq!(
            version(&all, Some("v1api20250801")),
            Some("v1api20250801"),
            "an upgrade alone changes nothing"
        );
        assert_eq!(version(&all, Some("v1api20240901")), Some("v20260301"), "what is gone is left");
        let old = served(&["v1api20210501", "v1api20231001", "v1api20231001storage", "v1api20240402preview"]);
        assert_eq!(version(&old, None), Some("v1api20231001"));
        assert_eq!(version(&served(&["v1api20240901", "v20240901"]), None), Some("v20240901"));
        assert_eq!(version(&served(&["v1beta20210501", "v20260501storage", "v1"]), None), None);
    }
}
