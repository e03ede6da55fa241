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

    /// What a histogram has taken since another reading, of the samples whose labels `chosen` takes; `None` if nothing.
    #[must_use]
    pub fn since(&self, before: &Self, name: &str, chosen: impl Fn(&str) -> bool) -> Option<Taken> {
        let more =
            |name: &str, chosen: &dyn Fn(&str) -> bool| self.sum(name, chosen) - before.sum(name, chosen);
        let bucket = format!("{name}_bucket");
        let count = more(&format!("{name}_count"), &chosen);
        let mut bounds: Vec<f64> = self.bounds(&bucket, &chosen);
        bounds.sort_by(f64::total_cmp);
        let below = |bound: f64| {
            let is = |labels: &str| chosen(labels) && Self::bound(labels) == Some(bound);
            more(&bucket, &is)
        };
        let most = bounds.into_iter().find(|bound| below(*bound) >= count * 0.99)?;
        (count > 0.0).then(|| Taken { count, mean: more(&format!("{name}_sum"), &chosen) / count, most })
    }

    fn bounds(&self, bucket: &str, chosen: impl Fn(&str) -> bool) -> Vec<f64> {
        let labels =
            self.0.lines().filter_map(|line| line.strip_prefix(bucket)?.strip_prefix('{')?.rsplit_once("} "));
        labels.filter(|(labels, _)| chosen(labels)).filter_map(|(labels, _)| Self::bound(labels)).collect()
    }

    fn bound(labels: &str) -> Option<f64> {
        match Self::label(labels, "le")? {
            "+Inf" => Some(f64::INFINITY),
            bound => bound.parse().ok(),
        }
    }

    /// The value of one label.
    #[must_use]
    pub fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
        labels.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
    }
}

/// What a histogram has taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// How many samples.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The bound of the bucket below which 99 of 100 are.
    pub most: f64,
}

#[cfg(test)]
mod tests {
    use super::{Exposition, Taken};

    #[test]
    fn a_histogram_tells_what_it_has_taken_since() {
        let read = |fast: u32, slow: u32, other: u32| {
            let all = fast + slow;
            Exposition::new(format!(
                "s_sum{{step=\"a\"}} {sum}\ns_count{{step=\"a\"}} {all}\ns_bucket{{le=\"0.5\",step=\"a\"}} {fast}\ns_bucket{{le=\"2.0\",step=\"a\"}} {all}\n\
                 s_bucket{{le=\"+Inf\",step=\"a\"}} {all}\ns_count{{step=\"b\"}} {other}\ns_bucket{{le=\"+Inf\",step=\"b\"}} {other}\n",
                sum = f64::from(fast) * 0.25 + f64::from(slow),
            ))
        };
        let of = |step: &'static str| move |labels: &str| Exposition::label(labels, "step") == Some(step);
        let before = read(10, 10, 5);
        let taken = read(110, 10, 5).since(&before, "s", of("a"));
        assert_eq!(taken, Some(Taken { count: 100.0, mean: 0.25, most: 0.5 }));
        let slower = read(108, 12, 5).since(&before, "s", of("a")).expect("some");
        assert!((slower.most - 2.0).abs() < 1e-9, "two of a hundred are slow");
        assert_eq!(read(110, 10, 5).since(&before, "s", of("b")), None, "nothing was taken there");
    }

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
