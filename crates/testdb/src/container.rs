//! A server in a container: TimescaleDB's own image where it can be pulled, else one made from Debian's packages.
//!
//! The container is left running when this process ends, as any other server of the workspace: `down` removes it.

use std::{collections::HashMap, env, fs, process::Command, time::Duration};

use testcontainers::{
    ContainerRequest, GenericImage, ImageExt, ReuseDirective, TestcontainersError,
    bollard::models::PortBinding, core::IntoContainerPort, runners::AsyncRunner,
};
use tokio::time::{sleep, timeout};

use crate::{
    Engine, Error, Running, Settings, admin, chain,
    command::{blocking, output, run, tail},
    local,
    lock::FileLock,
};

/// `name:tag` of another image to use, which must start as the official PostgreSQL image does.
const IMAGE_VARIABLE: &str = "ONETAPE_TEST_DB_IMAGE";
const OFFICIAL: (&str, &str) = ("timescale/timescaledb", "latest-pg17");
const DEBIAN: &str = "onetape-testdb";
const PORT: u16 = 5432;
/// A pull is given up after this time: a closed network may swallow it in silence.
const PULL_TIMEOUT: Duration = Duration::from_secs(300);
const START_TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The same as of a local cluster, where they are not the image's own business.
const SERVER_SETTINGS: &[&str] = &[
    "listen_addresses=*",
    "shared_preload_libraries=timescaledb",
    "timescaledb.max_background_workers=0",
    "timescaledb.telemetry_level=off",
    "max_connections=200",
    "max_locks_per_transaction=256",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "timezone=UTC",
];

pub(crate) async fn start(settings: &Settings) -> Result<Running, Error> {
    docker(&["version", "--format", "{{.Server.Version}}"]).await?;
    let name = format!("onetape-testdb-{}", settings.workspace_id());
    let (image, request) = prepare(settings).await?;
    let request = request.with_container_name(&name).with_reuse(ReuseDirective::Always);
    let container = request.start().await.map_err(failed(format!("start a container of {image}")))?;
    let port = container.get_host_port_ipv4(PORT).await.map_err(failed("ask for the container's port"))?;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let id = container.id().to_owned();
    if let Err(why) = wait_until_it_answers(&url).await {
        let log = log_of(id.clone()).await;
        docker(&["rm", "-f", "-v", &id]).await?;
        return Err(Error::Unusable(format!("{}; the container's log ends: {}", chain(&why), tail(&log))));
    }
    Ok(Running { url, port, engine: Engine::Container { id, image } })
}

/// The image to use, pulled or made, and how to start it.
async fn prepare(settings: &Settings) -> Result<(String, ContainerRequest<GenericImage>), Error> {
    if let Some(image) = env::var(IMAGE_VARIABLE).ok().filter(|image| !image.is_empty()) {
        let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
        return Ok((image.clone(), official(name, tag)));
    }
    let tag = local::recipe_id();
    let own = format!("{DEBIAN}:{tag}");
    if docker(&["image", "inspect", &own]).await.is_err() {
        let (name, official_tag) = OFFICIAL;
        let image = format!("{name}:{official_tag}");
        match pull(&image).await {
            Ok(()) => return Ok((image, official(name, official_tag))),
            Err(why) => eprintln!("onetape-testdb: {image} cannot be pulled: {}", chain(&why)),
        }
        let (settings, own) = (settings.clone(), own.clone());
        blocking(move || import(&settings, &own)).await?;
    }
    Ok((own, debian(&tag)))
}

async fn pull(image: &str) -> Result<(), Error> {
    if docker(&["image", "inspect", image]).await.is_ok() {
        return Ok(());
    }
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let pulled = timeout(PULL_TIMEOUT, GenericImage::new(name, tag).pull_image()).await;
    let late = Error::Unusable(format!("no answer in {} s", PULL_TIMEOUT.as_secs()));
    pulled.map_err(|_| late)?.map_err(failed(format!("pull {image}"))).map(drop)
}

fn import(settings: &Settings, image: &str) -> Result<(), Error> {
    let _home = FileLock::acquire(&settings.home.join("lock"))?;
    let archive = settings.home.join("image.tar.partial");
    local::archive(settings, &archive)?;
    let imported = run(Command::new("docker").arg("import").arg(&archive).arg(image));
    fs::remove_file(&archive).map_err(Error::io(format!("remove {}", archive.display())))?;
    imported.map(drop)
}

fn official(name: &str, tag: &str) -> ContainerRequest<GenericImage> {
    let arguments = ["postgres".to_owned()].into_iter().chain(options());
    base(name, tag).with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust").with_cmd(arguments)
}

/// An imported root knows nothing about databases: its command makes the cluster.
fn debian(tag: &str) -> ContainerRequest<GenericImage> {
    let (bin, data) = local::image_paths();
    let script = format!(
        "set -e
         if [ ! -f {data}/PG_VERSION ]; then
             {bin}/initdb -D {data} -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
             echo 'host all all all trust' >> {data}/pg_hba.conf
         fi
         exec {bin}/postgres -D {data} -c unix_socket_directories=/tmp {}",
        options().collect::<Vec<_>>().join(" ")
    );
    base(DEBIAN, tag).with_user("postgres").with_cmd(["/bin/sh".to_owned(), "-c".to_owned(), script])
}

/// Published on the loopback interface only: the superuser has no password.
fn base(name: &str, tag: &str) -> ContainerRequest<GenericImage> {
    GenericImage::new(name, tag)
        .with_exposed_port(PORT.tcp())
        .with_startup_timeout(START_TIMEOUT)
        .with_shm_size(256 << 20)
        .with_host_config_modifier(|config| {
            let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
            config.publish_all_ports = Some(false);
            config.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![binding]))]));
        })
}

fn options() -> impl Iterator<Item = String> {
    SERVER_SETTINGS.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()])
}

async fn wait_until_it_answers(url: &str) -> Result<(), Error> {
    let mut last = None;
    let answered = timeout(START_TIMEOUT, async {
        while let Err(why) = admin::connect(url).await {
            last = Some(why);
            sleep(POLL_INTERVAL).await;
        }
    });
    match answered.await {
        Ok(()) => Ok(()),
        Err(_) => {
            Err(last.unwrap_or_else(|| Error::Unusable("the container's server never answered".into())))
        }
    }
}

/// The server writes its log to standard error, `initdb` before it to standard output.
async fn log_of(id: String) -> String {
    let read = blocking(move || output(Command::new("docker").args(["logs", "--tail", "20", &id])));
    read.await.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

async fn docker(arguments: &[&str]) -> Result<String, Error> {
    let mut command = Command::new("docker");
    command.args(arguments);
    blocking(move || run(&mut command)).await
}

fn failed(what: impl Into<String>) -> impl FnOnce(TestcontainersError) -> Error {
    let what = what.into();
    move |source| Error::Container { what, source: source.into() }
}
