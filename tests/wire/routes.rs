//! What a node tells of itself.

use serde_json::json;

use super::raw::Answer;
use super::world::World;

async fn get(world: &World, path: &str) -> Answer {
    world.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await.unwrap()
}

#[tokio::test]
async fn a_node_is_alive_and_ready_on_both_paths() {
    let world = World::start(1).await;
    for path in ["/healthz", "/wherever/health", "/readyz", "/wherever/ready"] {
        assert_eq!(get(&world, path).await.status, 200, "{path}");
    }
    for path in ["/", "/rpc/", "/wherever", "/debug/pprof", "/rpc?x=1/../healthz"] {
        assert!([404, 405].contains(&get(&world, path).await.status), "{path}");
    }
}

#[tokio::test]
async fn the_cluster_is_told_with_slots_services_and_counts() {
    let world = World::start(3).await;
    let answer = get(&world, "/wherever/cluster").await;
    let view = answer.json();
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(view["cluster"], world.cluster.node(0).cluster_id());
    assert_eq!(view["node"], json!(world.cluster.node(0).id()));
    let group = &view["groups"]["default"];
    assert_eq!(group["nodes"].as_array().unwrap().len(), 3);
    let runs = group["slots"].as_array().unwrap();
    let mut next = 0;
    for run in runs {
        assert_eq!(run["first"], next);
        next = run["last"].as_u64().unwrap() + 1;
    }
    assert_eq!(next, 16384);
    let services: Vec<_> = view["services"].as_array().unwrap().iter().map(|service| &service["name"]).collect();
    assert_eq!(services, ["Other", "Probe", "compact.Same", "json.Same"]);
    let echo = &view["services"][1]["methods"][0];
    assert_eq!(echo["name"], "echo");
    assert_eq!((&echo["routing"], &echo["key"], &echo["marks"]), (&json!("key"), &json!(["key"]), &json!(["read"])));
    assert_eq!(view["counts"]["in_flight"], 0);
}

#[tokio::test]
async fn what_is_asked_of_a_live_cluster_is_one_object_with_nothing_in_it_that_nobody_knows() {
    let world = World::start(1).await;
    let question = r#"{"format":1,"cluster":"c","group":"g","mig":"1","to":"00c0ffee00c0ffee","ask":{"pull":1}}"#;
    let wish = r#"{"op":"rebalance","group":"default"}"#;
    let with = |body: &str, more: &str| body.replacen('{', &format!("{{{more},"), 1);
    for (path, good, doubled) in
        [("/wherever/move", question, r#""mig":"1""#), ("/wherever/operate", wish, r#""group":"default""#)]
    {
        let asked = async |body: &str| {
            let head = "Host: localhost\r\nContent-Type: application/json";
            let asked = format!("POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            world.send(asked).await.unwrap().status
        };
        assert_eq!(asked(good).await, 404, "this cluster is a fixed one");
        for bad in [
            with(good, r#""more":1"#),
            with(good, doubled),
            format!("[{good}]"),
            r#"[1,"c","g","1","00c0ffee00c0ffee",{"pull":1}]"#.to_owned(),
            format!("{good}{good}"),
            good.replace(r#"{"pull":1}"#, r#"{"pull":1,"seal":2}"#).replace("rebalance", "unheard_of"),
            "null".to_owned(),
            String::new(),
        ] {
            assert_eq!(asked(&bad).await, 400, "{path}: {bad}");
        }
    }
}
