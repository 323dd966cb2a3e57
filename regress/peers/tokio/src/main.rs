//! tokio-postgres: tokio-client HOST PORT USER DATABASE

use futures_util::stream::poll_fn;
use futures_util::StreamExt;
use std::sync::{Arc, Mutex};
use tokio_postgres::{AsyncMessage, Config, Error, NoTls};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut config = Config::new();
    config
        .host(&args[0])
        .port(args[1].parse().expect("a port"))
        .user(&args[2])
        .dbname(&args[3]);
    if let Err(error) = run(&config).await {
        match error.as_db_error() {
            Some(error) => println!("error: {} {}", error.code().code(), error.message()),
            None => println!("error: ----- {error}"),
        }
    }
}

async fn run(config: &Config) -> Result<(), Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let notices = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notices);
    let driver = tokio::spawn(async move {
        let mut messages = poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            if let Ok(AsyncMessage::Notice(notice)) = message {
                seen.lock()
                    .expect("nobody panics")
                    .push(notice.message().to_owned());
            }
        }
    });
    let statement = client.prepare("SELECT $1::int + 1").await?;
    let answer: i32 = client.query_one(&statement, &[&41]).await?.get(0);
    let setting: Option<String> = client
        .query_one("SELECT current_setting('test.setting', true)", &[])
        .await?
        .get(0);
    for notice in notices.lock().expect("nobody panics").iter() {
        println!("notice: {notice}");
    }
    println!("select: {answer}");
    println!("setting: {}", setting.unwrap_or_default());
    drop(client);
    driver.await.expect("the connection ends");
    Ok(())
}
