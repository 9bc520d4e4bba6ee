package dev.klamm.kafka;

/** {@code klamm:type=tls,source=N}: what one pair of key and trust files serves. Times are ISO 8601, null is none. */
public interface TlsBeanMXBean {
    String getKeyFile();

    String getTrustFile();

    String getGeneration();

    String getSerial();

    String getNotAfter();

    String getLoadedAt();

    String getCheckedAt();

    String getLastError();
}
