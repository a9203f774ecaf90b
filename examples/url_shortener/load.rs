//! Asks the nodes as their visitors would: shortens every address through one node, and follows it through another.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::LOCATION;
use reqwest::redirect;

use crate::Failure;

/// Requests at once: enough to keep a few nodes busy and their commits full.
const AT_ONCE: usize = 64;

/// Time for one request; longer than a call between nodes may take, whose error is then seen.
const REQUEST_TIME: Duration = Duration::from_secs(15);

/// What came of it.
pub(crate) struct Loaded {
    /// Different codes given.
    pub(crate) codes: usize,
    /// Addresses whose short address led back to them.
    pub(crate) read_back: usize,
    /// What was wrong with the others, a sentence each.
    pub(crate) wrong: Vec<String>,
    /// How long each node's answers took, in the order of the nodes.
    pub(crate) times: Vec<Vec<Duration>>,
}

/// Shortens all `urls` through random nodes; then reads each one back through another.
pub(crate) async fn load(nodes: &[String], urls: &[String]) -> Result<Loaded, Failure> {
    let visitor = Visitor::new(nodes)?;
    let bar = ProgressBar::new(2 * urls.len() as u64)
        .with_style(ProgressStyle::with_template("{msg:>9} {wide_bar} {pos}/{len} {per_sec}")?);

    bar.set_message("adding");
    let adds = stream::iter(urls).map(|url| visitor.add(url)).buffered(AT_ONCE).inspect(|_| bar.inc(1));
    let added: Vec<_> = adds.collect().await;
    bar.set_message("following");
    let follows = stream::iter(urls.iter().zip(&added));
    let follows = follows.map(|(url, added)| visitor.follow(url, added)).buffered(AT_ONCE).inspect(|_| bar.inc(1));
    let followed: Vec<_> = follows.collect().await;
    bar.finish_and_clear();

    let codes: HashSet<_> = added.iter().filter_map(|added| added.result.as_ref().ok()).collect();
    let mut loaded =
        Loaded { codes: codes.len(), read_back: 0, wrong: Vec::new(), times: vec![Vec::new(); nodes.len()] };
    let answers = added.iter().map(|added| &added.answered).chain(followed.iter().map(|followed| &followed.answered));
    for Answered { node, took } in answers {
        loaded.times[*node].push(*took);
    }
    for followed in followed {
        match followed.result {
            Ok(()) => loaded.read_back += 1,
            Err(why) => loaded.wrong.push(why),
        }
    }
    Ok(loaded)
}

struct Visitor<'a> {
    client: reqwest::Client,
    nodes: &'a [String],
}

/// What one request led to: the code for an address added, nothing for one that was followed as it should, or what was wrong.
struct Visit<T> {
    answered: Answered,
    result: Result<T, String>,
}

/// Who answered, and how long that took.
#[derive(Clone, Copy)]
struct Answered {
    node: usize,
    took: Duration,
}

impl<'a> Visitor<'a> {
    fn new(nodes: &'a [String]) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(REQUEST_TIME);
        Ok(Self { client: client.build()?, nodes })
    }

    /// Shortens `url` through a random node.
    async fn add(&self, url: &str) -> Visit<String> {
        let node = fastrand::usize(..self.nodes.len());
        let started = Instant::now();
        let request = self.client.post(format!("http://{}/add", self.nodes[node])).form(&[("url", url)]);
        let result = code_of(request).await.map_err(|why| format!("{url} could not be added: {why}"));
        Visit { answered: Answered { node, took: started.elapsed() }, result }
    }

    /// Follows the code of `url` through a random node other than the one that gave it, if there is another.
    async fn follow(&self, url: &str, added: &Visit<String>) -> Visit<()> {
        let code = match &added.result {
            Ok(code) => code,
            Err(why) => return Visit { answered: added.answered, result: Err(why.clone()) },
        };
        let others = (self.nodes.len() - 1).max(1);
        let node = (added.answered.node + 1 + fastrand::usize(..others)) % self.nodes.len();
        let short = format!("http://{}/{code}", self.nodes[node]);
        let started = Instant::now();
        let result = self.leads_to(&short, url).await.map_err(|why| format!("{short} should lead to {url}: {why}"));
        Visit { answered: Answered { node, took: started.elapsed() }, result }
    }

    /// Checks where a short address leads, without going there.
    async fn leads_to(&self, short: &str, url: &str) -> Result<(), String> {
        // As every browser writes it: the path of http://example.com is a slash.
        let expected = url::Url::parse(url).map_err(|bad| bad.to_string())?;
        let answer = self.client.get(short).send().await.map_err(|error| error.to_string())?;
        if answer.status() != reqwest::StatusCode::FOUND {
            return Err(format!("the answer is {}", answer.status()));
        }
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
        if location == expected.as_str() { Ok(()) } else { Err(format!("it leads to {location:?}")) }
    }
}

/// The code in the short address that is answered.
async fn code_of(request: reqwest::RequestBuilder) -> Result<String, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("the answer is {status}: {}", text.trim()));
    }
    let code = text.trim().rsplit_once('/').map(|(_, code)| code.to_owned());
    code.ok_or_else(|| format!("{text:?} is no short address"))
}
