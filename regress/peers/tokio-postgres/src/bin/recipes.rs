//! Sessions that try what logon triggers set: see ../../../README.md.

use std::error::Error as _;
use std::future::poll_fn;
use std::time::{Duration, SystemTime};

use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{AsyncMessage, Client, Error, NoTls};

/// 2026-02-03 04:05:06.789 UTC
fn instant() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_770_091_506_789)
}

fn show(name: &str, value: Result<String, Error>) {
    match value {
        Ok(value) => println!("{name} {value}"),
        Err(error) => match error.code() {
            Some(code) => println!("{name} {}", code.code()),
            None => match error.source() {
                Some(source) => println!("{name} {error}: {source}"),
                None => println!("{name} {error}"),
            },
        },
    }
}

async fn value<T: FromSqlOwned>(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<T, Error> {
    client.query_one(sql, parameters).await?.try_get(0)
}

/// Sends a value as a parameter, and reads it.
async fn round_trip<T: FromSqlOwned>(
    client: &Client,
    name: &str,
    (sent, parameter): (&str, &(dyn ToSql + Sync)),
    (read, text): (&str, impl Fn(T) -> String),
) {
    let sent = value(client, &format!("SELECT {sent}"), &[parameter]).await;
    show(&format!("{name} sent"), sent);
    let read = value(client, &format!("SELECT {read}"), &[]).await;
    show(&format!("{name} read"), read.map(text));
}

async fn write(client: &mut Client) -> Result<String, Error> {
    let transaction = client.transaction().await?;
    let count = transaction
        .execute("INSERT INTO public.written VALUES (1)", &[])
        .await?;
    Ok(count.to_string())
}

async fn session(url: &str) -> Result<(), Error> {
    let (mut client, mut connection) = match tokio_postgres::connect(url, NoTls).await {
        Ok(both) => both,
        Err(error) => {
            show("connect", Err(error));
            return Ok(());
        }
    };
    let messages = tokio::spawn(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message? {
                println!("notice {}:  {}", notice.severity(), notice.message());
            }
        }
        Ok::<_, Error>(())
    });
    show("finds", value(&client, "SELECT public.found()", &[]).await);
    let plus = client.prepare("SELECT $1::int + 1").await?;
    let prepared = |row: tokio_postgres::Row| row.get::<_, i32>(0).to_string();
    show(
        "prepared",
        client.query_one(&plus, &[&41]).await.map(prepared),
    );

    // The driver has no types of its own for a date and an interval.
    let at = |zone| {
        move |at: SystemTime| match at == instant() {
            true => format!("2026-02-03 04:05:06.789{zone}"),
            false => format!("{at:?}"),
        }
    };
    round_trip(
        &client,
        "timestamp",
        (
            "to_char($1::timestamp, 'YYYY-MM-DD HH24:MI:SS.MS')",
            &instant(),
        ),
        ("timestamp '2026-02-03 04:05:06.789'", at("")),
    )
    .await;
    round_trip(
        &client,
        "timestamptz",
        (
            "to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MSZ')",
            &instant(),
        ),
        ("timestamptz '2026-02-03 04:05:06.789+00'", at("Z")),
    )
    .await;
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    round_trip(
        &client,
        "bytea",
        ("encode($1::bytea, 'hex')", &&b"\x00\xff\\'"[..]),
        ("decode('00ff5c27', 'hex')", hex),
    )
    .await;
    round_trip(
        &client,
        "array",
        ("array_to_string($1::text[], '|')", &vec!["a,b", "\\"]),
        ("ARRAY['a,b', chr(92)]", |words: Vec<String>| {
            words.join("|")
        }),
    )
    .await;
    round_trip(
        &client,
        "text",
        ("encode(convert_to($1::text, 'UTF8'), 'hex')", &"\u{fc}\\'"),
        ("chr(252) || chr(92) || chr(39)", |text: String| text),
    )
    .await;
    round_trip(
        &client,
        "float",
        (
            "($1::float8 = 0.1::float8 + 0.2::float8)::text",
            &(0.1 + 0.2),
        ),
        ("0.1::float8 + 0.2::float8", |value: f64| value.to_string()),
    )
    .await;

    show("error", value(&client, "SELECT (1 / 0)::text", &[]).await);
    show("write", write(&mut client).await);
    let discard = client.batch_execute("DISCARD ALL").await;
    show("discard", discard.map(|()| "done".into()));
    // What the driver looks up about types is prepared and kept.
    client.clear_type_cache();
    show(
        "discard finds",
        value(&client, "SELECT public.found()", &[]).await,
    );
    show(
        "discard prepared",
        client.query_one(&plus, &[&41]).await.map(prepared),
    );
    drop((plus, client));
    show(
        "close",
        messages.await.expect("no panic").map(|()| "done".into()),
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    for url in std::env::args().skip(1) {
        session(&url).await?;
        println!("end");
    }
    Ok(())
}
