//! Methods with a body: it runs at providers that do not override it.

use super::arguments::{Answer, Day};
use wherever::rpc_service;

#[rpc_service]
trait Defaulted {
    async fn base(&self, number: u32) -> Answer<u32>;

    async fn twice(&self, number: u32) -> Answer<u32> {
        Ok(self.base(number).await? * 2)
    }

    async fn patterns(&self, (a, b): (u32, u32), Day { year, .. }: Day) -> Answer<u32> {
        Ok(a + b + u32::from(year))
    }

    async fn changed(&self, mut number: u32) -> Answer<u32> {
        number += 1;
        Ok(number)
    }

    async fn whole(&self, all @ (a, _): (u32, u32)) -> Answer<u32> {
        Ok(a + all.1)
    }

    async fn ignored(&self, _: String, _quiet: u8) -> Answer<u32> {
        Ok(0)
    }

    async fn borrowed(&self, text: &str, _: &[u8]) -> Answer<usize> {
        tokio::task::yield_now().await;
        Ok(text.len())
    }

    async fn early(&self, number: u32) -> Answer<u32> {
        if number == 0 {
            return Ok(100);
        }
        let parsed: u32 = "7".parse().map_err(|_| unreachable())?;
        Ok(number + parsed)
    }

    async fn quiet(&self, number: u32) -> Answer<u32> {
        #![allow(unused_variables)]
        let unused = 1;
        Ok(number)
    }

    async fn overridden(&self, number: u32) -> Answer<u32> {
        Ok(number)
    }
}

fn unreachable() -> wherever::RpcError {
    unreachable!("a constant parses")
}

struct Plain;

impl Defaulted for Plain {
    async fn base(&self, number: u32) -> Answer<u32> {
        Ok(number)
    }
    async fn overridden(&self, number: u32) -> Answer<u32> {
        Ok(number + 1000)
    }
}

#[tokio::test]
async fn default_bodies_run_at_the_provider() {
    let client = DefaultedClient::local(Plain);
    assert_eq!(client.twice(4).await.unwrap(), 8);
    assert_eq!(client.patterns((1, 2), Day { year: 2000, day: 1 }).await.unwrap(), 2003);
    assert_eq!(client.changed(1).await.unwrap(), 2);
    assert_eq!(client.whole((1, 2)).await.unwrap(), 3);
    assert_eq!(client.ignored("x".to_owned(), 1).await.unwrap(), 0);
    assert_eq!(client.borrowed("four", &[]).await.unwrap(), 4);
    assert_eq!(client.early(0).await.unwrap(), 100);
    assert_eq!(client.early(1).await.unwrap(), 8);
    assert_eq!(client.quiet(1).await.unwrap(), 1);
    assert_eq!(client.overridden(1).await.unwrap(), 1001);
}
