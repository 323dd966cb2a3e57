//! A session through tokio-postgres: see ../README.md.

use std::future::poll_fn;

use tokio_postgres::{AsyncMessage, Error, NoTls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args()
        .nth(1)
        .expect("usage: tokio-postgres-client URL");
    let (client, mut connection) = match tokio_postgres::connect(&url, NoTls).await {
        Ok(both) => both,
        Err(error) => {
            let error = error.as_db_error().expect("the server's word on it");
            println!("error {} {}", error.code().code(), error.message());
            return Ok(());
        }
    };
    let messages = tokio::spawn(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message? {
                let code = notice.code().code();
                println!("notice {} {code} {}", notice.severity(), notice.message());
            }
        }
        Ok::<_, Error>(())
    });
    for script in std::env::args().skip(2) {
        match client.batch_execute(&script).await {
            Ok(()) => println!("done"),
            Err(error) => {
                let error = error.as_db_error().expect("the server's word on it");
                println!("refused {} {}", error.code().code(), error.message());
            }
        }
    }
    let one: i32 = client.query_one("SELECT 1", &[]).await?.get(0);
    println!("select {one}");
    let statement = client.prepare("SELECT $1::int + 1").await?;
    let sum: i32 = client.query_one(&statement, &[&41]).await?.get(0);
    println!("prepared {sum}");
    drop(statement);
    let tenant: Option<String> = client
        .query_one("SELECT current_setting('app.tenant', true)", &[])
        .await?
        .get(0);
    println!(
        "tenant {}",
        tenant.as_deref().filter(|t| !t.is_empty()).unwrap_or("-")
    );
    drop(client);
    messages.await.expect("no panic")?;
    println!("closed");
    Ok(())
}
