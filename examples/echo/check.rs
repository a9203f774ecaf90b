//! Three nodes in this process, every method called from each of them, every answer checked.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use serde_json::json;
use wherever::testing::Cluster;
use wherever::{Kind, Node, with_deadline};

use crate::service::{Echo, EchoClient, EchoError, MAX_BYTES, Probe};

/// Runs the check.
///
/// # Errors
/// Names the first call that was not answered as it must be.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    // The probe panics when asked to; here one line says enough.
    std::panic::set_hook(Box::new(|panic| eprintln!("  ({panic})")));
    let cluster = Cluster::builder(3).provide_with(|_| Probe).start().await;
    for node in cluster.nodes() {
        println!("from node {}:", node.id());
        check_values(node).await?;
        check_failures(&node.client()).await?;
    }
    let counted: Vec<_> = cluster.nodes().map(|node| node.wherever().counted()).collect();
    println!("calls that stayed on their node, and that left it:");
    for (node, counts) in cluster.nodes().zip(counted) {
        println!("  {}: {} and {}", node.id(), counts.local, counts.remote);
    }
    Ok(())
}

async fn check_values(node: &Node) -> Result<(), Box<dyn Error>> {
    let echo: EchoClient = node.client();
    let value = json!({"text": "é\u{0}\"", "list": [1, -2.5, null, true], "largest": u64::MAX});
    same("echo", &echo.echo(value.clone()).await?, &value)?;
    let mut sums = Vec::new();
    for a in 0..30 {
        sums.push(echo.add(a, 1).await?);
    }
    same("add, thirty keys", &sums, &(1..31).collect())?;
    same("add at the end", &echo.add(i64::MAX, 1).await?, &i64::MAX)?;
    same("concat", &*echo.concat(vec!["wher".into(), "ever".into()]).await?, "wherever")?;
    same("bytes", &echo.bytes(100_000).await?.len(), &100_000)?;
    same("sleep", &echo.sleep(1).await?, &())?;
    same("whoami", &echo.whoami().await?, node.id())?;
    Ok(())
}

async fn check_failures(echo: &EchoClient) -> Result<(), Box<dyn Error>> {
    same("fail", &echo.fail(7).await, &Err(EchoError::Failed { code: 7 }))?;
    let n = MAX_BYTES + 1;
    same("bytes, too many", &echo.bytes(n).await, &Err(EchoError::TooMany { n }))?;
    same("panics", &kind_of(&echo.panics().await), &Some(Kind::Panicked))?;
    let hurried = with_deadline(Duration::from_millis(20), echo.sleep(60_000)).await;
    same("sleep past the deadline", &kind_of(&hurried), &Some(Kind::Deadline))?;
    Ok(())
}

/// The framework's own word on a failed call.
fn kind_of<T>(answer: &Result<T, EchoError>) -> Option<Kind> {
    match answer {
        Err(EchoError::Rpc(error)) => Some(error.kind()),
        _ => None,
    }
}

fn same<T: Debug + PartialEq + ?Sized>(call: &str, answer: &T, right: &T) -> Result<(), String> {
    if answer == right {
        println!("  {call}: right");
        return Ok(());
    }
    Err(format!("{call} answered {answer:?}, and {right:?} is right"))
}
