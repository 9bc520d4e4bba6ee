//! Logs that are asked for before their agent is there, and agents that never answer.

use super::*;

fn wanted(id: u64) -> LogWanted {
    let slot = "nodes-0".parse().unwrap();
    LogWanted { id, cluster: ClusterId::from_random([1; 16]), slot, lines: 1, follow: false }
}

#[tokio::test(start_paused = true)]
async fn a_log_waits_for_an_agent_that_has_not_dialled_yet() {
    let (hosts, host): (Hosts, HostId) = (Hosts::default(), "h-1".parse().unwrap());
    let agent = async {
        tokio::task::yield_now().await;
        let asked = hosts.open_stream(host.clone()).recv().await.expect("it is asked");
        let text = hosts.answer_log(&host, asked.id).expect("somebody waits");
        text.send("one line".into()).await.expect("somebody reads");
    };
    let (text, ()) = tokio::join!(hosts.ask_for_log(&host, wanted, Duration::from_secs(15)), agent);
    assert_eq!(text.unwrap().recv().await.unwrap(), "one line");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_stays_away_is_told_from_one_that_does_not_answer() {
    let (hosts, host): (Hosts, HostId) = (Hosts::default(), "h-1".parse().unwrap());
    let patience = Duration::from_secs(15);
    assert_eq!(hosts.ask_for_log(&host, wanted, patience).await.unwrap_err(), NoLog::Away);
    let mut stream = hosts.open_stream(host.clone());
    assert_eq!(hosts.ask_for_log(&host, wanted, patience).await.unwrap_err(), NoLog::Silent);
    let late = stream.recv().await.expect("it was asked");
    assert!(hosts.answer_log(&host, late.id).is_none(), "nobody waits any more");
}

#[tokio::test]
async fn a_log_is_answered_once_and_only_by_the_host_that_was_asked() {
    let hosts = Hosts::default();
    let [asked, other]: [HostId; 2] = ["h1", "h2"].map(|host| host.parse().unwrap());
    let _streams = (hosts.open_stream(asked.clone()), hosts.open_stream(other.clone()));
    let (id, _reader, begun) = hosts.try_ask_for_log(&asked, wanted).unwrap();
    assert!(hosts.answer_log(&other, id).is_none());
    assert!(hosts.answer_log(&asked, id).is_some());
    assert!(hosts.answer_log(&asked, id).is_none());
    assert_eq!(begun.await, Ok(()));
}
