//! Sums over `/metrics`, the operator's and the API server's.

/// One reading of a `/metrics` endpoint.
#[derive(Clone, Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// From its text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Sum of all samples of one name whose labels `chosen` takes; labels are given as they stand, `verb="PATCH",…`.
    #[must_use]
    pub fn sum(&self, name: &str, chosen: impl Fn(&str) -> bool) -> f64 {
        let samples = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(labelled) => labelled.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            chosen(labels).then(|| value.split(' ').next()?.parse::<f64>().ok()).flatten()
        });
        samples.sum()
    }

    /// The value of one label.
    #[must_use]
    pub fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
        labels.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
    }
}

#[cfg(test)]
mod tests {
    use super::Exposition;

    #[test]
    fn samples_are_summed_over_the_labels_asked_for() {
        let text = "# HELP a b\na{verb=\"PATCH\",code=\"200\"} 2\na{verb=\"GET\",code=\"200\"} 5\nab{verb=\"PATCH\"} 100\nplain 3.5\n";
        let read = Exposition::new(text.to_owned());
        let patches = read.sum("a", |labels| Exposition::label(labels, "verb") == Some("PATCH"));
        assert!((patches - 2.0).abs() < 1e-9);
        assert!((read.sum("a", |_| true) - 7.0).abs() < 1e-9);
        assert!((read.sum("plain", |_| true) - 3.5).abs() < 1e-9);
    }
}
