//! A `.io` file: remarks, requests and the answers they must get.
//!
//! Two remarks mean something, the second of them to this runner alone:
//!
//! ```text
//! // speconly: why      answers are compared by their shape
//! // nextblock: what    the next block of next.rlp is committed here
//! ```

use serde_json::Value;

/// One request and the answer it must get; none when the file does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// As it stands in the file.
    pub request: String,
    /// What the answer must be.
    pub response: Option<Value>,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A client asks.
    Ask(Exchange),
    /// The chain grows by a block.
    NextBlock,
}

/// The steps of a file, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Whether a remark says `speconly:`: answers depend on the node, only their shape is given.
    pub spec_only: bool,
    /// In order.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if let Some(remark) = text.strip_prefix("//").map(str::trim_start) {
                script.spec_only |= remark.starts_with("speconly:");
                if remark.starts_with("nextblock:") {
                    script.steps.push(Step::NextBlock);
                }
            } else if let Some(request) = text.strip_prefix(">>") {
                let request = request.trim().to_string();
                script.steps.push(Step::Ask(Exchange { request, response: None }));
            } else if let Some(response) = text.strip_prefix("<<") {
                let response =
                    serde_json::from_str(response).map_err(|error| format!("line {line}: {error}"))?;
                let open = match script.steps.last_mut() {
                    Some(Step::Ask(exchange)) if exchange.response.is_none() => Some(exchange),
                    _ => None,
                };
                open.ok_or_else(|| format!("line {line}: an answer without a request"))?.response =
                    Some(response);
            } else if !text.is_empty() {
                return Err(format!("line {line}: neither a remark nor >> nor <<: {text:.60}"));
            }
        }
        if !script.steps.iter().any(|step| matches!(step, Step::Ask(_))) {
            return Err("holds no request".to_string());
        }
        Ok(script)
    }

    /// Whether the chain grows, so that it cannot be the one that other files are replayed over.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.steps.contains(&Step::NextBlock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_is_remarks_requests_and_answers_in_order() {
        let script = Script::parse(
            "// speconly: depends on the client\n>> {\"id\":1}\n<< {\"result\":\"0x1\"}\n\n>> {\"id\":2}\n",
        )
        .unwrap();
        assert!(script.spec_only && !script.grows());
        let ask = |id: u64, response| Step::Ask(Exchange { request: format!("{{\"id\":{id}}}"), response });
        assert_eq!(script.steps, [ask(1, Some(json!({"result": "0x1"}))), ask(2, None)]);
    }

    #[test]
    fn a_block_comes_where_a_remark_says_so() {
        let script =
            Script::parse(">> {}\n<< 1\n// nextblock: with a log\n// and no other\n>> {}\n<< 2").unwrap();
        let ask =
            |answer: u64| Step::Ask(Exchange { request: "{}".to_string(), response: Some(json!(answer)) });
        assert_eq!(script.steps, [ask(1), Step::NextBlock, ask(2)]);
        assert!(script.grows() && !script.spec_only);
    }

    #[test]
    fn a_line_of_another_kind_an_answer_too_many_and_an_empty_file_are_refused() {
        for bad in [
            "<< {}",
            ">> {}\n<< {}\n<< {}",
            ">> {}\n// nextblock: 1\n<< {}",
            ">> {}\n<< {",
            "hello",
            "// nextblock: 1",
        ] {
            assert!(Script::parse(bad).is_err(), "{bad}");
        }
    }
}
