//! Whether the network info is where the spec publishes it beside its ConfigMap.

use crate::{
    api::conditions::{Condition, ConditionStatus, NETWORK_INFO_PUBLISHED, reasons},
    network_info::Publication,
    validate::ValidConsortium,
};

/// `NetworkInfoPublished`, of a member that publishes in a container.
pub(super) fn network_info_published(
    valid: &ValidConsortium,
    before: &[Condition],
    publication: Option<&Publication>,
) -> Option<(ConditionStatus, &'static str, String)> {
    let container = valid.publish_blob.as_ref()?;
    // An operator that starts anew has yet to look, which is no news.
    let stood = before.iter().find(|condition| {
        condition.kind == NETWORK_INFO_PUBLISHED
            && condition.status == ConditionStatus::True
            && condition.message.starts_with(&format!("{}/", container.url.trim_end_matches('/')))
    });
    Some(match (publication, stood) {
        (None, _) => (
            ConditionStatus::Unknown,
            reasons::NOTHING_TO_PUBLISH,
            "the network info is published once there is a genesis and the contract knows this member"
                .to_owned(),
        ),
        (Some(Publication::Underway), Some(stood)) => {
            (ConditionStatus::True, reasons::PUBLISHED, stood.message.clone())
        }
        (Some(Publication::Underway), None) => (
            ConditionStatus::Unknown,
            reasons::PUBLISHING,
            format!("the network info is being written to {}", container.url),
        ),
        (Some(Publication::Written(url)), _) => (ConditionStatus::True, reasons::PUBLISHED, url.clone()),
        (Some(Publication::Failed { reason, message }), _) => {
            (ConditionStatus::False, reason, message.clone())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::network_info_published;
    use crate::{
        api::conditions::{Condition, ConditionStatus, NETWORK_INFO_PUBLISHED},
        network_info::Publication,
        validate::{self, Container, ValidConsortium},
    };

    #[test]
    fn a_publication_is_told_only_where_a_container_is_named_and_a_failure_by_its_reason() {
        let text = include_str!("../../../../examples/consortium.yaml");
        let none = validate::consortium(&serde_saphyr::from_str(text).expect("the example")).expect("valid");
        let container = Container { url: "https://a.blob.core.windows.net/net".to_owned() };
        let some = ValidConsortium { publish_blob: Some(container), ..none.clone() };
        let failed = Publication::Failed { reason: "ContainerRefused", message: "no role".to_owned() };
        assert_eq!(network_info_published(&none, &[], Some(&failed)), None);
        for (publication, status, reason) in [
            (None, ConditionStatus::Unknown, "NothingToPublish"),
            (Some(Publication::Underway), ConditionStatus::Unknown, "Publishing"),
            (Some(Publication::Written("https://…".to_owned())), ConditionStatus::True, "Published"),
            (Some(failed), ConditionStatus::False, "ContainerRefused"),
        ] {
            let told = network_info_published(&some, &[], publication.as_ref()).expect("told");
            assert_eq!((told.0, told.1), (status, reason), "{}", told.2);
        }
    }
    #[test]
    fn an_operator_that_starts_anew_leaves_the_condition_as_it_is_unless_the_container_is_another() {
        let text = include_str!("../../../../examples/consortium.yaml");
        let valid = validate::consortium(&serde_saphyr::from_str(text).expect("the example")).expect("valid");
        let at = |url: &str| ValidConsortium {
            publish_blob: Some(Container { url: url.to_owned() }),
            ..valid.clone()
        };
        let before = [Condition {
            kind: NETWORK_INFO_PUBLISHED.to_owned(),
            status: ConditionStatus::True,
            reason: "Published".to_owned(),
            message: "https://a.blob.core.windows.net/net/0x11/0x22.json".to_owned(),
            observed_generation: None,
            last_transition_time: String::new(),
        }];
        let told = |url: &str| {
            network_info_published(&at(url), &before, Some(&Publication::Underway)).expect("told").0
        };
        assert_eq!(told("https://a.blob.core.windows.net/net"), ConditionStatus::True);
        assert_eq!(told("https://a.blob.core.windows.net/ne"), ConditionStatus::Unknown);
    }
}
