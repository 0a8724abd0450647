//! The workspace's own server: started once, found by every later process, stopped by whoever says `down`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use tokio::net::TcpStream;

use crate::{
    Engine, Engines, Error, Running, Settings, admin, chain,
    command::{blocking, run},
    local,
    lock::FileLock,
    state,
};

/// Finds the workspace's server or starts one. Safe to call from many processes at once: one starts it, the others wait.
pub async fn up(settings: &Settings) -> Result<Running, Error> {
    if let Some(running) = running(settings).await {
        return Ok(running);
    }
    let _lock = lock(settings).await?;
    if let Some(running) = running(settings).await {
        return Ok(running);
    }
    let started = start(settings).await?;
    state::write(settings, &started)?;
    Ok(started)
}

/// The workspace's server, if it is up.
pub async fn running(settings: &Settings) -> Option<Running> {
    let running = state::read(settings)?;
    is_alive(&running).await.then_some(running)
}

/// Stops the server that this workspace started, and no other; with `purge`, its data goes too, even where it is stopped.
/// None where none was up.
pub async fn down(settings: &Settings, purge: bool) -> Result<Option<Running>, Error> {
    let _lock = lock(settings).await?;
    let noted = state::read(settings);
    match noted.as_ref().map(|running| running.engine.clone()) {
        Some(Engine::Local(cluster)) => blocking(move || cluster.stop()).await.map(drop)?,
        Some(Engine::Container { id, .. }) => {
            blocking(move || run(Command::new("docker").args(["rm", "-f", "-v", &id]))).await.map(drop)?;
        }
        None => {}
    }
    if purge {
        let settings = settings.clone();
        blocking(move || local::purge(&settings)).await?;
    }
    state::remove(settings)?;
    Ok(noted)
}

async fn lock(settings: &Settings) -> Result<FileLock, Error> {
    let file = state::lock_file(settings);
    blocking(move || FileLock::acquire(&file)).await
}

async fn start(settings: &Settings) -> Result<Running, Error> {
    if settings.engines == Engines::Wasm {
        let why =
            "ONETAPE_DB_ENGINE=wasm is for tests only: a WebAssembly server serves one test and ends with it";
        return Err(Error::Unusable(why.into()));
    }
    let mut tried = Vec::new();
    if settings.engines != Engines::Local {
        match start_container(settings).await {
            Ok(running) => return Ok(running),
            Err(why) => tried.push(format!("container: {}", chain(&why))),
        }
    }
    if settings.engines != Engines::Container {
        match start_local(settings).await {
            Ok(running) => {
                if cfg!(feature = "containers") && !tried.is_empty() {
                    eprintln!("onetape-testdb: a local server was started: {}", tried.join("; "));
                }
                return Ok(running);
            }
            Err(Error::Unavailable(reasons)) => tried.extend(reasons),
            Err(why) => tried.push(format!("local server: {}", chain(&why))),
        }
    }
    Err(Error::Unavailable(tried))
}

async fn start_local(settings: &Settings) -> Result<Running, Error> {
    let settings = settings.clone();
    let (cluster, port) = blocking(move || local::start(&settings)).await?;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    Ok(Running { url, port, engine: Engine::Local(cluster) })
}

#[cfg(feature = "containers")]
async fn start_container(settings: &Settings) -> Result<Running, Error> {
    crate::container::start(settings).await
}

#[cfg(not(feature = "containers"))]
async fn start_container(_: &Settings) -> Result<Running, Error> {
    Err(Error::Unusable("built without the feature `containers`".into()))
}

/// Whether the noted server answers, and is the one noted: after a restart of the machine its port may be somebody else's.
async fn is_alive(running: &Running) -> bool {
    // A refused connection answers at once, where a whole login would wait on a busy machine.
    if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, running.port))).await.is_err() {
        return false;
    }
    let Ok(mut connection) = admin::connect(&running.url).await else {
        return false;
    };
    match &running.engine {
        Engine::Container { .. } => true,
        Engine::Local(cluster) => {
            let data: Result<String, _> = sqlx::query_scalar("SELECT current_setting('data_directory')")
                .fetch_one(&mut connection)
                .await;
            data.is_ok_and(|data| data.as_str() == cluster.data().as_os_str())
        }
    }
}
