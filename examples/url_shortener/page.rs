//! The HTML of the front: text in, text out. Nothing here needs JavaScript.

use axum::http::StatusCode;

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}
h1{font-size:1.5rem}h1 a{color:inherit;text-decoration:none}
form{display:flex;gap:.5rem}
input{flex:1;font:inherit;padding:.5rem;min-width:0}
button{font:inherit;padding:.5rem 1rem}
table{border-collapse:collapse;width:100%;margin-top:2rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}
.n{text-align:right;font-variant-numeric:tabular-nums}
.note{opacity:.7;font-size:.875rem}
.short{font-size:1.25rem}";

/// The cluster as one front sees it, and what that front has counted.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) local_calls: u64,
    pub(crate) remote_calls: u64,
    pub(crate) redirects: u64,
}

/// One row of the table.
pub(crate) struct Node {
    /// `host:port`
    pub(crate) address: String,
    /// How many slots it owns.
    pub(crate) slots: u16,
    /// How many addresses it keeps; `None` if it does not answer.
    pub(crate) kept: Option<u64>,
}

/// The page with the form.
pub(crate) fn index(front: &str, cluster: &Cluster) -> String {
    let rows: String = cluster.nodes.iter().map(row).collect();
    let body = format!(
        r#"<form action="/add" method="post">
<input name="url" type="url" required maxlength="2048" placeholder="https://a.long/address" aria-label="Address" autofocus>
<button>Shorten</button>
</form>
<table>
<tr><th>Node</th><th class="n">Slots</th><th class="n">Addresses</th></tr>
{rows}</table>
<p class="note">Served by {front}. Its calls: {local} here, {remote} to other nodes, {redirects} redirected.</p>"#,
        front = escaped(front),
        local = cluster.local_calls,
        remote = cluster.remote_calls,
        redirects = cluster.redirects,
    );
    whole("Short addresses", &body)
}

fn row(node: &Node) -> String {
    let (address, slots) = (escaped(&node.address), node.slots);
    let kept = node.kept.map_or_else(|| "no answer".to_owned(), |kept| kept.to_string());
    format!(
        r#"<tr><td><a href="http://{address}/">{address}</a></td><td class="n">{slots}</td><td class="n">{kept}</td></tr>
"#
    )
}

/// What `POST /add` answers a browser: the short address, or why there is none.
pub(crate) fn added(status: StatusCode, text: &str) -> String {
    if !status.is_success() {
        return failed(text);
    }
    let short = escaped(text);
    whole("Shortened", &format!(r#"<p class="short"><a href="{short}">{short}</a></p>"#))
}

/// A page that says what went wrong.
pub(crate) fn failed(why: &str) -> String {
    whole("No such luck", &format!("<p>{}</p>", escaped(why)))
}

fn whole(title: &str, body: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{STYLE}</style>
<h1><a href="/">Short addresses</a></h1>
{body}
</html>
"#
    )
}

/// Text from outside, as text inside HTML, also between quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
