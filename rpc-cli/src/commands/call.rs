//! `wherever call`: one call, from a shell.

use std::io::{self, Read};

use clap::Args;
use rpc_core::error::bounded;
use rpc_core::limits;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::json;
use crate::node::Node;
use crate::options::{EXIT_STATUSES, Options};
use crate::terminal::Screen;

/// Largest arguments taken, in bytes; nodes refuse larger messages.
const MAX_PARAMS: usize = limits::MAX_MESSAGE;

const EXAMPLES: &str = "\
The node asked passes the call on to the owner of its key. Numbers keep every digit, both ways.
With --json the line is {\"result\":…} or {\"error\":{exit, executed, message, …}}.

Examples:
  wherever call UrlStore.get '{\"code\":\"rust\"}' --node http://127.0.0.1:7001
  wherever call UrlStore.get '[\"rust\"]'           by position
  wherever call UrlStore.count                    without arguments
  wherever call UrlStore.put - < arguments.json
  wherever call echo.sleep '{\"ms\":20000}' --timeout 30";

/// Call a method and print its result as JSON; errors go to standard error
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_STATUSES}"))]
pub(crate) struct Call {
    /// The method, as `wherever services` lists it
    #[arg(value_name = "SERVICE.METHOD", value_parser = parse_method)]
    method: String,
    /// Its arguments: a JSON object (by name) or array (by position), or - to read that from standard input
    params: Option<String>,
}

impl Call {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        // What is wrong on the command line is said before anything is waited for.
        let node = Node::named(options)?;
        let params = match self.params.as_deref() {
            Some("-") => checked(from_input(io::stdin().lock())?)?,
            Some(text) => checked(text.to_owned())?,
            None => String::new(),
        };
        let result = node.call(&self.method, &params).await?;
        show(screen, &result)
    }
}

fn show(screen: &mut Screen<'_>, result: &RawValue) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        result: &'a RawValue,
    }
    if screen.json {
        return Ok(json::write_line(screen.out, &Line { result })?);
    }
    json::write_pretty(screen.out, result.get())?;
    Ok(writeln!(screen.out)?)
}

pub(super) fn parse_method(text: &str) -> Result<String, String> {
    match text.rsplit_once('.') {
        Some((service, method)) if !service.is_empty() && !method.is_empty() => Ok(text.to_owned()),
        _ => Err("write the service and the method with a dot between, such as UrlStore.get".to_owned()),
    }
}

fn from_input(input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    input.take(MAX_PARAMS as u64 + 1).read_to_end(&mut bytes).map_err(|error| Failure::input(&error))?;
    String::from_utf8(bytes).map_err(|error| Failure::Usage(format!("the arguments are not UTF-8: {error}")))
}

/// The arguments if they are one JSON object or array. What is in them is for the node to judge.
fn checked(params: String) -> Result<String, Failure> {
    if params.len() > MAX_PARAMS {
        return Err(Failure::Usage(format!(
            "the arguments have more than {MAX_PARAMS} bytes, the most a call may carry"
        )));
    }
    let wrong = |why: String| {
        let start: String = params.chars().take(80).collect();
        Failure::Usage(bounded(format!("the arguments must be a JSON object or array, and {start} is not: {why}")))
    };
    let raw: &RawValue = serde_json::from_str(&params).map_err(|error| wrong(error.to_string()))?;
    if !raw.get().starts_with(['{', '[']) {
        return Err(wrong("write {\"name\":value} or [value]".to_owned()));
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Paint;

    #[test]
    fn arguments_are_an_object_or_an_array() {
        for good in ["{}", "[]", " {\"a\":1}\n", "[123456789012345678901234567890]"] {
            assert_eq!(checked(good.to_owned()).ok().as_deref(), Some(good));
        }
        for bad in ["", "7", "\"a\"", "null", "{", "{}{}", "{a:1}", "\u{feff}{}", "<html>"] {
            assert!(checked(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(checked(format!("[\"{}\"]", "x".repeat(MAX_PARAMS))).is_err());
        assert!(checked("[".repeat(100_000)).is_err());
    }

    #[test]
    fn a_method_has_a_service() {
        assert!(parse_method("UrlStore.get").is_ok() && parse_method("goto.UrlStore.get").is_ok());
        for bad in ["get", "", ".", "UrlStore.", ".get"] {
            assert!(parse_method(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_result_is_pretty_for_people_and_one_line_for_scripts() {
        let result: &RawValue = serde_json::from_str("{\"n\":\n 1.10}").expect("valid");
        for (json, expected) in [(false, "{\n  \"n\": 1.10\n}\n"), (true, "{\"result\":{\"n\":1.10}}\n")] {
            let mut out = Vec::new();
            show(&mut Screen::new(&mut out, json, Paint::NONE), result).expect("writes to memory");
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }
}
