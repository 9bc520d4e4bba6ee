//! Lines as real Kafka 4.3.1 on Java 17 wrote them, each provoked once; only paths and addresses are changed.

use super::*;

fn cause(log: &str) -> StartCause {
    recognise(log).unwrap_or_else(|| panic!("nothing recognised in {log}")).cause
}

#[test]
fn listeners_that_cannot_be_bound_are_told_apart() {
    let log = "[2026-11-21 09:53:48,316] ERROR Unable to start acceptor for CLIENTS (kafka.network.DataPlaneAcceptor)
org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:19002: Address already in use.
\tat kafka.network.Acceptor.openServerSocket(SocketServer.scala:639)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
[2026-11-21 09:53:48,322] ERROR [BrokerServer id=9] Fatal error during broker startup. Prepare to shutdown (kafka.server.BrokerServer)
java.lang.RuntimeException: Received a fatal error while waiting for all of the SocketServer Acceptors to be started";
    let found = recognise(log).unwrap();
    assert_eq!(found.cause, StartCause::PortInUse { address: "127.0.0.1:19002".to_owned() });
    assert!(found.evidence.starts_with("org.apache.kafka.common.KafkaException"), "{}", found.evidence);
    assert_eq!(found.cause.to_string(), "another program listens on 127.0.0.1:19002");
    assert_eq!(
        cause(
            "Caused by: org.apache.kafka.common.KafkaException: Socket server failed to bind to 10.9.9.9:19301: Cannot assign requested address."
        ),
        StartCause::AddressNotOfThisHost { address: "10.9.9.9:19301".to_owned() }
    );
    assert_eq!(
        cause(
            "org.apache.kafka.common.KafkaException: Socket server failed to bind to no.such.host.invalid:19301: Unresolved address."
        ),
        StartCause::AddressUnresolved { address: "no.such.host.invalid:19301".to_owned() }
    );
}

#[test]
fn data_directories_in_use_unformatted_or_out_of_reach_are_told_apart() {
    assert_eq!(
        cause(
            "org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in /srv/p. A Kafka instance in another process or thread is using this directory."
        ),
        StartCause::DirectoryInUse { directory: "/srv/p".to_owned() }
    );
    assert_eq!(
        cause(
            "java.lang.RuntimeException: No `meta.properties` found in /srv/p (have you run `kafka-storage.sh` to format the directory?)"
        ),
        StartCause::NotFormatted { directory: Some("/srv/p".to_owned()) }
    );
    let none = cause("java.lang.RuntimeException: No readable meta.properties files found.");
    assert_eq!(none, StartCause::NotFormatted { directory: None });
    assert_eq!(none.to_string(), "the data directory of this node is not formatted");
    assert_eq!(
        cause("java.nio.file.AccessDeniedException: /srv/m/__cluster_metadata-0"),
        StartCause::PermissionDenied { path: "/srv/m/__cluster_metadata-0".to_owned() }
    );
    assert_eq!(
        cause(
            "java.nio.file.FileSystemException: /srv/p/recovery-point-offset-checkpoint: Read-only file system"
        ),
        StartCause::ReadOnly { path: "/srv/p/recovery-point-offset-checkpoint".to_owned() }
    );
    assert_eq!(cause("Caused by: java.io.IOException: No space left on device"), StartCause::DiskFull);
}

#[test]
fn disks_of_another_cluster_or_node_are_told_apart() {
    assert_eq!(
        cause(
            "java.lang.RuntimeException: Invalid cluster.id in: /srv/p/meta.properties. Expected MkU3OEVBNTcwNTJENDM2Qg, but read AkU3OEVBNTcwNTJENDM2Qg"
        ),
        StartCause::OtherCluster {
            file: "/srv/p/meta.properties".to_owned(),
            expected: "MkU3OEVBNTcwNTJENDM2Qg".to_owned(),
            found: "AkU3OEVBNTcwNTJENDM2Qg".to_owned()
        }
    );
    assert_eq!(
        cause(
            "java.lang.RuntimeException: Stored node id 1 doesn't match previous node id 7 in /srv/m/meta.properties. If you moved your data, make sure your configured node id matches. If you intend to create a new node, you should remove all data in your data directories."
        ),
        StartCause::OtherNode { file: "/srv/m/meta.properties".to_owned(), stored: "1".to_owned() }
    );
    assert_eq!(
        cause(
            "[2026-11-21 09:54:18,573] ERROR [RaftManager id=9] Unexpected error INCONSISTENT_CLUSTER_ID in FETCH response: InboundResponse(correlationId=0, data=FetchResponseData(throttleTimeMs=0, errorCode=104, sessionId=0, responses=[], nodeEndpoints=[]), source=127.0.0.1:19103 (id: -3 rack: null isFenced: false)) (org.apache.kafka.raft.KafkaRaftClient)"
        ),
        StartCause::ControllersOfOtherCluster
    );
    assert_eq!(
        cause("java.lang.RuntimeException: Error: node ID not found in /srv/p"),
        StartCause::DamagedMetaProperties { directory: "/srv/p".to_owned() }
    );
}

#[test]
fn what_java_says_before_kafka_begins_is_recognised() {
    assert_eq!(
        cause(
            "Unrecognized VM option 'NoSuchFlag'
Error: Could not create the Java Virtual Machine.
Error: A fatal exception has occurred. Program will exit."
        ),
        StartCause::UnknownJavaOption { option: "NoSuchFlag".to_owned() }
    );
    assert_eq!(
        cause(
            "Error opening zip file or JAR manifest missing : /srv/observer.jar
Error occurred during initialization of VM
agent library failed to init: instrument"
        ),
        StartCause::JavaAgentMissing { path: "/srv/observer.jar".to_owned() }
    );
    assert_eq!(
        cause(
            "Error occurred during initialization of VM
Initial heap size set to a larger value than the maximum heap size"
        ),
        StartCause::HeapBoundsSwapped
    );
    assert_eq!(
        cause(
            "OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory(0x00007efc20000000, 966367641600, 0) failed; error='Not enough space' (errno=12)
#
# There is insufficient memory for the Java Runtime Environment to continue.
# Native memory allocation (mmap) failed to map 966367641600 bytes. Error detail: committing reserved memory.
# An error report file with more information is saved as:
# /srv/hs_err_pid24810.log"
        ),
        StartCause::NotEnoughMemory
    );
    assert_eq!(
        cause(
            "Error: Could not find or load main class kafka.Kafkaa
Caused by: java.lang.ClassNotFoundException: kafka.Kafkaa"
        ),
        StartCause::ClassNotFound { class: "kafka.Kafkaa".to_owned() }
    );
}

#[test]
fn memory_that_ran_out_is_recognised_with_its_kind() {
    for (log, what) in [
        (
            "[2026-11-21 09:51:32,441] ERROR Encountered fatal fault: Error starting LogManager (org.apache.kafka.server.fault.ProcessTerminatingFaultHandler)
java.lang.OutOfMemoryError: Java heap space",
            "Java heap space",
        ),
        ("Terminating due to java.lang.OutOfMemoryError: Java heap space", "Java heap space"),
        (
            "java.lang.OutOfMemoryError: Cannot reserve 53 bytes of direct buffer memory (allocated: 8192, limit: 8192)",
            "Cannot reserve 53 bytes of direct buffer memory (allocated: 8192, limit: 8192)",
        ),
    ] {
        assert_eq!(cause(log), StartCause::OutOfMemory { what: what.to_owned() });
    }
}

#[test]
fn settings_classes_and_certificates_that_kafka_refuses_are_named() {
    assert_eq!(
        cause(
            "org.apache.kafka.common.config.ConfigException: Invalid value zero for configuration num.network.threads: Not a number of type INT"
        ),
        StartCause::InvalidSetting {
            said: "Invalid value zero for configuration num.network.threads: Not a number of type INT"
                .to_owned()
        }
    );
    assert_eq!(
        cause("java.lang.IllegalArgumentException: requirement failed: advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."),
        StartCause::InvalidSetting {
            said: "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."
                .to_owned()
        }
    );
    assert_eq!(
        cause(
            "org.apache.kafka.common.config.ConfigException: Missing required configuration \"controller.listener.names\" which has no default value."
        ),
        StartCause::MissingSetting { key: "controller.listener.names".to_owned() }
    );
    let missing = StartCause::ClassNotFound { class: "org.example.Missing".to_owned() };
    assert_eq!(
        cause(
            "org.apache.kafka.common.config.ConfigException: Invalid value org.example.Missing for configuration ssl.engine.factory.class: Class org.example.Missing could not be found."
        ),
        missing
    );
    assert_eq!(cause("java.lang.ClassNotFoundException: org.example.Missing"), missing);
    assert_eq!(
        cause(
            "org.apache.kafka.common.errors.InvalidConfigurationException: Failed to load PEM SSL keystore /srv/x.pem
Caused by: java.io.IOException: Unable to read file /srv/x.pem
Caused by: java.nio.file.NoSuchFileException: /srv/x.pem"
        ),
        StartCause::Tls { said: "Failed to load PEM SSL keystore /srv/x.pem".to_owned() }
    );
}

#[test]
fn limits_second_nodes_and_old_javas_are_recognised() {
    assert_eq!(
        cause(
            "org.apache.kafka.common.KafkaException: java.io.IOException: Too many open files
Caused by: java.io.IOException: Too many open files
[2026-11-21 10:09:38,036] ERROR Exiting Kafka due to fatal exception during startup. (kafka.Kafka$)"
        ),
        StartCause::TooManyOpenFiles
    );
    let second = cause(
        "[2026-11-21 10:09:23,967] INFO [BrokerLifecycleManager id=9] Unable to register broker 9 because the controller returned error DUPLICATE_BROKER_REGISTRATION (org.apache.kafka.server.BrokerLifecycleManager)",
    );
    assert_eq!(second, StartCause::NodeIdRegistered);
    assert!(second.may_pass(), "the session of a killed node ends by itself");
    assert_eq!(
        cause(
            "Error: LinkageError occurred while loading main class kafka.Kafka
\tjava.lang.UnsupportedClassVersionError: kafka/Kafka has been compiled by a more recent version of the Java Runtime (class file version 69.0), this version of the Java Runtime only recognizes class file versions up to 61.0"
        ),
        StartCause::JavaTooOld
    );
}

#[test]
fn the_latest_start_counts_and_a_healthy_log_says_nothing() {
    let healthy = "[2026-11-21 09:52:46,979] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)
[2026-11-21 09:50:38,174] WARN [RaftManager id=1] Connection to node -2 (/127.0.0.1:19201) could not be established. Node may not be available. (org.apache.kafka.clients.NetworkClient)";
    assert_eq!(recognise(healthy), None);
    let two = "Caused by: java.io.IOException: No space left on device
java.lang.RuntimeException: No readable meta.properties files found.";
    assert_eq!(cause(two), StartCause::NotFormatted { directory: None });
}
