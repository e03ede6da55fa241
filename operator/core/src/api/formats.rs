//! Patterns and bounds of the fields, each written once; the API server enforces them, `validate` relies on them.

/// An Ethereum address.
pub const ADDRESS: &str = "^0x[0-9a-fA-F]{40}$";
/// A 32-byte hash.
pub const HASH: &str = "^0x[0-9a-fA-F]{64}$";
/// A whole number of seconds, 1 to 3600.
pub const SECONDS: &str = "^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)s$";
/// Milliseconds or whole seconds, 100 ms to 60 s.
pub const MILLISECONDS: &str = "^(([1-9][0-9]{2,3}|[1-5][0-9]{4}|60000)ms|([1-9]|[1-5][0-9]|60)s)$";
/// An amount of the native coin with its unit.
pub const AMOUNT: &str = "^[0-9]{1,27} (ether|gwei|wei)$";
/// A Kubernetes quantity as people write it.
pub const QUANTITY: &str = "^[0-9]{1,15}(\\.[0-9]{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";
/// A DNS label that may start a Service name (RFC 1035).
pub const LABEL: &str = "^[a-z]([-a-z0-9]*[a-z0-9])?$";
/// An object name (RFC 1123 subdomain).
pub const OBJECT_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Value of a label.
pub const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
/// Key of a taint, a label's name with or without the prefix of its owner.
pub const TAINT_KEY: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// A member's alias: what fits the contract's 32 bytes.
pub const ALIAS: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A name that the governance contract takes.
pub const ONCHAIN_NAME: &str = "^[a-z0-9.-]{1,32}$";
/// An IPv4 or IPv6 range.
pub const CIDR: &str = "^[0-9a-fA-F.:]{2,39}/[0-9]{1,3}$";
/// An https URL without user, password and fragment.
pub const HTTPS_URL: &str =
    "^https://([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\\[[0-9a-fA-F:.]+\\])(:[1-9][0-9]{0,4})?(/[!$-~]*)?$";
/// Address of a container in an Azure storage account; a query is let through here, to be refused with its reason.
pub const CONTAINER_URL: &str = "^https://([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\\[[0-9a-fA-F:.]+\\])(:[1-9][0-9]{0,4})?(/[a-z0-9$][-a-z0-9]{2,62}){1,2}(\\?[!-~]*)?$";
/// An https address that is a host and nothing else.
pub const HTTPS_HOST: &str =
    "^https://([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\\[[0-9a-fA-F:.]+\\])(:[1-9][0-9]{0,4})?$";
/// An id of Microsoft Entra.
pub const UUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/// Name of a key or secret in an Azure Key Vault.
pub const VAULT_NAME: &str = "^[0-9A-Za-z-]{1,127}$";
/// Begin of such a name, which leaves room for a node's number.
pub const VAULT_PREFIX: &str = "^[0-9A-Za-z-]{1,120}$";
/// Key of a ConfigMap or Secret.
pub const CONFIG_KEY: &str = "^[-._a-zA-Z0-9]+$";
/// A container image reference.
pub const IMAGE: &str = "^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$";
/// ARM id of an AKS cluster; Azure writes it in several cases.
pub const ARM_CLUSTER: &str = "^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/[mM]icrosoft\\.[cC]ontainer[sS]ervice/managed[cC]lusters/[^/]+$";
/// ARM id of a subnet.
pub const ARM_SUBNET: &str = "^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/[mM]icrosoft\\.[nN]etwork/virtual[nN]etworks/[^/]+/subnets/[^/]+$";
/// Longest name of one of our objects: leaves room for the suffixes of its children within 63 characters.
pub const NAME_MAX: u32 = 40;
