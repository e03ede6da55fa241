//! Writing `.io` files.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Texts by `method/name`.
#[derive(Default)]
pub(crate) struct Scripts(BTreeMap<String, Script>);

/// The lines of one file.
#[derive(Default)]
pub(crate) struct Script(Vec<String>);

impl Scripts {
    /// A file that shows what its remark says.
    pub(crate) fn file(&mut self, path: &str, remark: &str) -> &mut Script {
        let script = self.0.entry(path.to_string()).or_default();
        assert!(script.0.is_empty(), "{path} twice");
        script.remark(remark)
    }

    /// A file of one question.
    pub(crate) fn gives(&mut self, path: &str, remark: &str, params: Value, result: Value) {
        let method = path.split('/').next().unwrap();
        self.file(path, remark).gives(method, params, result);
    }

    /// A file of one question that is refused.
    pub(crate) fn fails(&mut self, path: &str, remark: &str, params: Value, code: i64, message: &str) {
        let method = path.split('/').next().unwrap();
        self.file(path, remark).fails(method, params, code, message);
    }

    /// Path below the folder of the network, and text.
    pub(crate) fn files(self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.0
            .into_iter()
            .map(|(path, script)| (format!("{path}.io"), (script.0.join("\n") + "\n").into_bytes()))
    }
}

impl Script {
    pub(crate) fn gives(&mut self, method: &str, params: Value, result: Value) -> &mut Self {
        self.exchange(method, params, "result", result)
    }

    pub(crate) fn fails(&mut self, method: &str, params: Value, code: i64, message: &str) -> &mut Self {
        self.exchange(method, params, "error", json!({"code": code, "message": message}))
    }

    /// The chain grows here.
    pub(crate) fn next_block(&mut self, what: &str) -> &mut Self {
        self.remark(&format!("nextblock: {what}"))
    }

    fn exchange(&mut self, method: &str, params: Value, kind: &str, outcome: Value) -> &mut Self {
        let mut request = json!({"jsonrpc": "2.0", "id": 1, "method": method});
        request["params"] = params;
        let mut answer = json!({"jsonrpc": "2.0", "id": 1});
        answer[kind] = outcome;
        self.0.extend([format!(">> {request}"), format!("<< {answer}")]);
        self
    }

    fn remark(&mut self, text: &str) -> &mut Self {
        self.0.push(format!("// {text}"));
        self
    }
}
