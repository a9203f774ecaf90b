//! The web pages of `url_shortener` in a real browser: what a visitor sees, types and clicks.

use reqwest::header::LOCATION;
use serde_json::Value;

use crate::browser::Browser;
use crate::demonstration::{List, address, report};
use crate::http::client;
use crate::program::{Program, example};

#[tokio::test]
async fn a_visitor_shortens_an_address_at_any_node() {
    let (site, browser) = (Site::start().await, Browser::start().await);
    for (visited, node) in site.nodes.iter().enumerate() {
        browser.open(&format!("http://{node}/")).await;
        assert_eq!(browser.title().await, "Short addresses");
        site.check_table(&browser, 1 + visited).await;
        let long = format!("https://example.com/from/{visited}?q=é&r=\"<b>\"#end");
        browser.type_into("input[name=url]", &long).await;
        browser.click("button").await;

        assert_eq!(browser.title().await, "Shortened");
        let short = browser.text_of("a.short").await;
        assert!(short.starts_with(&format!("http://{node}/")), "{short} is at the node that was asked");
        assert_eq!(browser.value_of("document.querySelector('a.short').href").await, *short, "it can be clicked");
        let kept = format!("https://example.com/from/{visited}?q=%C3%A9&r=%22%3Cb%3E%22#end");
        assert_eq!(browser.text_of(".long").await, long, "the page says what for");
        for asked in &site.nodes {
            assert_eq!(leads_to(&short.replace(node, asked)).await, kept, "{short} at {asked}");
        }
    }
}

#[tokio::test]
async fn nothing_that_is_typed_runs_as_a_script() {
    let (site, browser) = (Site::start().await, Browser::start().await);
    let own = format!("http://{}/", site.nodes[0]);
    let attack = r#""'><script>alert(1)</script><img src=x onerror=alert(2)>"#;
    for typed in [
        "javascript:alert(1)".to_owned(),
        format!("javascript:alert(1)//{attack}"),
        format!("https://example.com/?{attack}"),
        format!("data:text/html,{attack}"),
    ] {
        browser.open(&own).await;
        browser.type_into("input[name=url]", &typed).await;
        browser.click("button").await;
        assert!(!browser.shows_alert().await, "{typed} ran");
        assert_eq!(
            browser.value_of("document.querySelectorAll('script, img').length").await,
            0,
            "{typed} became part of it"
        );
        let seen = browser.text_of("main").await;
        if typed.starts_with("https:") {
            assert_eq!(browser.text_of(".long").await, typed, "shown as the text that it is");
        } else {
            assert!(seen.contains("only http and https addresses can be shortened"), "{seen}");
            let field = browser.value_of("document.querySelector('input[name=url]').value").await;
            assert_eq!(field, typed, "still there to be corrected");
        }
        let elsewhere =
            browser.value_of("[...document.links].filter(link => !/^https?:/.test(link.protocol)).length").await;
        assert_eq!(elsewhere, 0, "no link but to the web");
    }
}

#[tokio::test]
async fn every_page_fits_a_desk_and_a_telephone() {
    let (site, browser) = (Site::start().await, Browser::start().await);
    let own = format!("http://{}/", site.nodes[0]);
    let long = format!("https://example.com/{}", "long".repeat(200));
    for width in [1280, 390] {
        browser.resize(width).await;
        browser.open(&own).await;
        fits(&browser, "index", width).await;
        browser.type_into("input[name=url]", &long).await;
        browser.click("button").await;
        fits(&browser, "shortened", width).await;
        browser.open(&own).await;
        browser.type_into("input[name=url]", "ftp://example.com/file").await;
        browser.click("button").await;
        fits(&browser, "refused", width).await;
        browser.open(&format!("{own}nothing")).await;
        fits(&browser, "nothing", width).await;
    }
}

/// Checks that nobody has to scroll sideways.
async fn fits(browser: &Browser, page: &str, width: u16) {
    browser.picture(&format!("{page}-{width}")).await;
    let needed = browser.value_of("document.documentElement.scrollWidth").await;
    assert!(needed.as_u64() <= Some(width.into()), "{page} is {needed} wide on a screen of {width}");
}

/// A demonstration that serves: three nodes, and one address on them.
struct Site {
    nodes: Vec<String>,
    _shortener: Program,
    _list: List,
}

impl Site {
    async fn start() -> Self {
        let list = List::of(&["https://example.com/"]);
        let mut shortener = Program::start(example("url_shortener").args(["--json", "--urls"]).arg(list.path()));
        let report = report(&shortener.stdout.line("{").await);
        let nodes = report["nodes"].as_array().expect("a list").iter().map(address).map(str::to_owned).collect();
        Self { nodes, _shortener: shortener, _list: list }
    }

    /// Checks that the page tells of each node how many slots it owns, and that they keep `kept` addresses together.
    async fn check_table(&self, browser: &Browser, kept: usize) {
        let cells =
            "[...document.querySelectorAll('table tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))";
        let rows = browser.value_of(cells).await;
        let rows: Vec<Vec<String>> =
            serde_json::from_value::<Value>(rows).and_then(serde_json::from_value).expect("rows");
        assert!(rows.iter().map(|row| &row[0]).eq(&self.nodes), "{rows:?}");
        let column = |column: usize| rows.iter().map(move |row| row[column].parse::<usize>().expect("a number"));
        assert!(column(1).all(|slots| (5_300..5_630).contains(&slots)), "{rows:?}");
        assert_eq!(column(1).sum::<usize>(), 16_384);
        assert_eq!(column(2).sum::<usize>(), kept, "{rows:?}");
    }
}

/// Where a short address sends its visitor.
async fn leads_to(short: &str) -> String {
    let answer = client().get(short).send().await.expect("an answer");
    assert_eq!(answer.status(), 302, "{short}");
    answer.headers()[LOCATION].to_str().expect("a header of plain letters").to_owned()
}
