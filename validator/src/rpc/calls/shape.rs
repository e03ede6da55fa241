//! How deep and how rich a JSON text is, found in one pass without recursion and before anything is parsed: a text of
//! `[[[[` costs a recursive parser its stack, one of `[[],[],…` forty times its size in memory.

/// What a JSON text will cost to parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Arrays and objects within each other.
    pub(super) depth: u32,
    /// Values, at most: what opens, and what follows a comma or colon.
    pub(super) values: u32,
}

impl Shape {
    /// Of any bytes; stops where `depth` or `values` exceed what is allowed.
    pub(super) fn of(text: &[u8], most: Self) -> Self {
        let mut shape = Self { depth: 0, values: 1 };
        let (mut open, mut rest) = (0_u32, text.iter());
        while let Some(byte) = rest.next() {
            match byte {
                b'"' => skip_string(&mut rest),
                b'[' | b'{' => {
                    open = open.saturating_add(1);
                    shape.depth = shape.depth.max(open);
                    shape.values = shape.values.saturating_add(1);
                }
                b']' | b'}' => open = open.saturating_sub(1),
                b',' | b':' => shape.values = shape.values.saturating_add(1),
                _ => continue,
            }
            if shape.depth > most.depth || shape.values > most.values {
                break;
            }
        }
        shape
    }
}

fn skip_string(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                rest.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Shape = Shape { depth: u32::MAX, values: u32::MAX };

    fn of(text: &str) -> (u32, u32) {
        let shape = Shape::of(text.as_bytes(), ANY);
        (shape.depth, shape.values)
    }

    #[test]
    fn depth_is_what_stands_within_each_other() {
        assert_eq!(of("7").0, 0);
        assert_eq!(of("[]").0, 1);
        assert_eq!(of("[[],[]]").0, 2);
        assert_eq!(of(r#"{"a":{"b":[1]},"c":[]}"#).0, 3);
        assert_eq!(of(&"[".repeat(100_000)).0, 100_000);
    }

    #[test]
    fn brackets_and_commas_in_strings_do_not_count() {
        assert_eq!(of(r#"["[[[,,,","\"[[,", "\\"]"#), (1, 4));
    }

    #[test]
    fn every_value_is_counted() {
        assert_eq!(of("[0,0,0]").1, 4);
        assert!(of("[[],[],[]]").1 >= 4);
        assert!(of(r#"{"a":1,"b":{}}"#).1 >= 3);
    }

    #[test]
    fn counting_ends_at_the_bound() {
        let most = Shape { depth: 3, values: 1000 };
        assert_eq!(Shape::of("[".repeat(1 << 20).as_bytes(), most).depth, 4);
        assert_eq!(Shape::of(",".repeat(1 << 20).as_bytes(), most).values, 1001);
    }
}
