//! A `.io` file: remarks, requests and the answers they must get.

use serde_json::Value;

/// One request and the answer it must get; none when the file does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// As it stands in the file.
    pub request: String,
    /// What the answer must be.
    pub response: Option<Value>,
}

/// The exchanges of a file, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Whether a remark says `speconly:`: answers depend on the node, only their shape is given.
    pub spec_only: bool,
    /// In order.
    pub exchanges: Vec<Exchange>,
}

impl Script {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if let Some(remark) = text.strip_prefix("//") {
                script.spec_only |= remark.trim_start().starts_with("speconly:");
            } else if let Some(request) = text.strip_prefix(">>") {
                let request = request.trim().to_string();
                script.exchanges.push(Exchange { request, response: None });
            } else if let Some(response) = text.strip_prefix("<<") {
                let response =
                    serde_json::from_str(response).map_err(|error| format!("line {line}: {error}"))?;
                let open = script.exchanges.last_mut().filter(|exchange| exchange.response.is_none());
                open.ok_or_else(|| format!("line {line}: an answer without a request"))?.response =
                    Some(response);
            } else if !text.is_empty() {
                return Err(format!("line {line}: neither a remark nor >> nor <<: {text:.60}"));
            }
        }
        if script.exchanges.is_empty() {
            return Err("holds no request".to_string());
        }
        Ok(script)
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
        assert!(script.spec_only);
        assert_eq!(script.exchanges.len(), 2);
        assert_eq!(script.exchanges[0].response, Some(json!({"result": "0x1"})));
        assert_eq!(script.exchanges[1], Exchange { request: "{\"id\":2}".to_string(), response: None });
    }

    #[test]
    fn a_line_of_another_kind_an_answer_too_many_and_an_empty_file_are_refused() {
        for bad in ["<< {}", ">> {}\n<< {}\n<< {}", ">> {}\n<< {", "hello", "// nothing"] {
            assert!(Script::parse(bad).is_err(), "{bad}");
        }
    }
}
