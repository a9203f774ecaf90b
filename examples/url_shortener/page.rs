//! The HTML of the front: text in, text out. Nothing here needs JavaScript.

const STYLE: &str = "\
:root{color-scheme:light dark;--edge:light-dark(#d5d9e0,#3a404b);--quiet:light-dark(#5b6472,#a2abb9);--accent:light-dark(#0b5fd0,#7db3ff)}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:3rem 1rem;
background:light-dark(#f6f7f9,#15181d);color:light-dark(#1b2028,#e6e9ee);overflow-wrap:anywhere}
a{color:var(--accent)}
h1{font-size:1.5rem;margin:0 0 1rem}h1 a{color:inherit;text-decoration:none}
h2{font-size:1rem;margin:0 0 .5rem}
main>*{background:light-dark(#fff,#1d2128);border:1px solid var(--edge);border-radius:.5rem;padding:1rem;margin:0 0 1rem}
form{display:flex;flex-wrap:wrap;gap:.5rem}
input,button{font:inherit;padding:.5rem .75rem;border-radius:.375rem;border:1px solid var(--edge)}
input{flex:1 1 14rem;min-width:0;background:transparent;color:inherit}
button{background:var(--accent);color:light-dark(#fff,#0d1117);border-color:transparent;font-weight:600;cursor:pointer}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.375rem 0 .375rem .75rem;border-top:1px solid var(--edge)}
th{font-weight:normal;color:var(--quiet);font-size:.875rem;border:0}
th:first-child,td:first-child{padding-left:0}
.n{text-align:right;font-variant-numeric:tabular-nums}
p{margin:0}
.quiet{color:var(--quiet);font-size:.875rem}
.short{font-size:1.25rem}
.why{border-left:.25rem solid light-dark(#c4314b,#ff8095)}";

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
    pub(crate) slots: u32,
    /// How many addresses it keeps; `None` if it does not answer.
    pub(crate) kept: Option<u64>,
}

/// The page with the form.
pub(crate) fn index(front: &str, cluster: &Cluster) -> String {
    let rows: String = cluster.nodes.iter().map(row).collect();
    let body = format!(
        r#"{form}
<section>
<h2>The nodes</h2>
<table>
<thead><tr><th>Node</th><th class="n">Slots</th><th class="n">Addresses</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</section>
<p class="quiet">Served by {front}. Its calls: {local} here, {remote} to other nodes, {redirects} redirected.</p>"#,
        form = form(""),
        front = escaped(front),
        local = cluster.local_calls,
        remote = cluster.remote_calls,
        redirects = cluster.redirects,
    );
    whole("Short addresses", &body)
}

/// What was typed last stays, to be corrected.
fn form(typed: &str) -> String {
    format!(
        r#"<form action="/add" method="post">
<input name="url" type="url" value="{typed}" required maxlength="2048" placeholder="https://a.long/address" aria-label="Address" autofocus>
<button>Shorten</button>
</form>"#,
        typed = escaped(typed),
    )
}

fn row(node: &Node) -> String {
    let (address, slots) = (escaped(&node.address), node.slots);
    let kept = node.kept.map_or_else(|| "no answer".to_owned(), |kept| kept.to_string());
    format!(
        r#"<tr><td><a href="http://{address}/">{address}</a></td><td class="n">{slots}</td><td class="n">{kept}</td></tr>
"#
    )
}

/// The page with the short address for what was typed.
pub(crate) fn added(typed: &str, short: &str) -> String {
    let (typed, short) = (escaped(typed), escaped(short));
    let body = format!(
        r#"<section>
<p><a class="short" href="{short}">{short}</a></p>
<p class="quiet">leads to <span class="long">{typed}</span></p>
</section>
{form}"#,
        form = form(""),
    );
    whole("Shortened", &body)
}

/// The page that says why what was typed got no short address.
pub(crate) fn refused(typed: &str, why: &str) -> String {
    whole("Not shortened", &format!("<p class=\"why\">{}</p>\n{}", escaped(why), form(typed)))
}

/// A page that says what went wrong.
pub(crate) fn failed(why: &str) -> String {
    whole("No such luck", &format!("<p class=\"why\">{}</p>", escaped(why)))
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
<main>
{body}
</main>
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
