//! Durations and amounts as people write them in a manifest.

use alloy_primitives::U256;

/// Milliseconds of `2s` or `1500ms`.
#[must_use]
pub fn milliseconds(text: &str) -> Option<u64> {
    if let Some(number) = text.strip_suffix("ms") {
        return number.parse().ok();
    }
    text.strip_suffix('s')?.parse::<u64>().ok()?.checked_mul(1000)
}

/// Wei of `1000 ether`, `5 gwei` or `1 wei`.
#[must_use]
pub fn wei(text: &str) -> Option<U256> {
    let (number, unit) = text.split_once(' ')?;
    let decimals: u64 = match unit {
        "ether" => 18,
        "gwei" => 9,
        "wei" => 0,
        _ => return None,
    };
    let number: U256 = number.parse().ok()?;
    number.checked_mul(U256::from(10).pow(U256::from(decimals)))
}

/// A Kubernetes quantity: `50Gi` is 53687091200; what is more than 2^63 − 1 is that, as the API server stores it.
#[must_use]
pub fn quantity(text: &str) -> Option<f64> {
    const MOST: f64 = 9_223_372_036_854_775_807.0;
    const UNITS: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    Some((number.parse::<f64>().ok()? * factor).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::{milliseconds, quantity, wei};
    use alloy_primitives::U256;

    #[test]
    fn quantities_compare_across_units() {
        assert_eq!(quantity("50Gi"), quantity("51200Mi"));
        assert!(quantity("50Gi") > quantity("50G"));
        assert_eq!(quantity("50 Gi"), None);
        assert_eq!(quantity("1024Pi"), quantity("1Ei"), "which is how the API server writes it");
        assert_eq!(quantity("1000P"), quantity("1E"));
        let capped = quantity("9223372036854775807");
        assert_eq!(quantity("02251027Pi"), capped, "the API server caps it; it never asks for more");
        assert!(quantity("7Ei") < capped);
    }

    #[test]
    fn durations_read_as_written() {
        assert_eq!(milliseconds("2s"), Some(2000));
        assert_eq!(milliseconds("1500ms"), Some(1500));
        assert_eq!(milliseconds("2m"), None);
        assert_eq!(milliseconds("s"), None);
    }

    #[test]
    fn amounts_read_as_written() {
        assert_eq!(wei("1 ether"), Some(U256::from(10).pow(U256::from(18))));
        assert_eq!(wei("3 gwei"), Some(U256::from(3_000_000_000_u64)));
        assert_eq!(wei("7 wei"), Some(U256::from(7)));
        assert_eq!(wei("7"), None);
        assert_eq!(wei("7 eth"), None);
    }
}
