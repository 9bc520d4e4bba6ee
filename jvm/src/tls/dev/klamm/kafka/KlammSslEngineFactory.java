package dev.klamm.kafka;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.security.auth.SslEngineFactory;

/**
 * Kafka's TLS, renewed without a restart: {@code ssl.engine.factory.class=dev.klamm.kafka.KlammSslEngineFactory} beside
 * the stock PEM keys. New connections use a new generation of key, chain and trust within about a second of the swap of
 * the link to it; a bad one is refused and the last good one stays.
 *
 * <p>It must never be laxer than Kafka's own factory, and never touch a file on a network thread: making an engine reads
 * one volatile reference. Start at {@link TlsSettings} for what each setting means, at {@link TlsSource} for the swap.
 */
public final class KlammSslEngineFactory implements SslEngineFactory {
    private TlsSettings settings;
    private TlsSource source;
    private volatile Serving serving;

    /** For Kafka, which makes it by reflection and calls {@link #configure} next. */
    public KlammSslEngineFactory() {}

    @Override
    public void configure(Map<String, ?> configs) {
        settings = new TlsSettings(configs);
        try {
            if (settings.files == null) {
                prepare(null).run();
            } else {
                TlsWatch.join(settings.files, this);
            }
        } catch (IOException | BadGenerationException | GeneralSecurityException e) {
            throw new KafkaException("TLS files in " + (settings.files == null ? "none" : settings.files.folder())
                    + " cannot be used: " + e.getMessage(), e);
        }
    }

    @Override
    public SSLEngine createClientSslEngine(String peerHost, int peerPort, String endpointIdentification) {
        Serving now = serving();
        SSLEngine engine = settings.clientEngine(now.context, peerHost, peerPort, endpointIdentification);
        if (source != null) {
            source.counters.clientEngines.increment();
            source.engines.add(engine, now.generation.name);
        }
        return engine;
    }

    @Override
    public SSLEngine createServerSslEngine(String peerHost, int peerPort) {
        Serving now = serving();
        SSLEngine engine = settings.serverEngine(now.context, peerHost, peerPort);
        if (source != null) {
            source.counters.serverEngines.increment();
            source.engines.add(engine, now.generation.name);
        }
        return engine;
    }

    /** Never: it renews itself, and Kafka's way would put back the configuration of the start. */
    @Override
    public boolean shouldBeRebuilt(Map<String, Object> nextConfigs) {
        return false;
    }

    @Override
    public Set<String> reconfigurableConfigs() {
        return Set.of();
    }

    @Override
    public KeyStore keystore() {
        Serving now = serving;
        return now == null || now.generation == null ? null : now.generation.keyStore;
    }

    @Override
    public KeyStore truststore() {
        Serving now = serving;
        return now == null || now.generation == null ? null : now.generation.trustStore;
    }

    @Override
    public void close() {
        if (source != null) {
            source.remove(this);
        }
        serving = null;
    }

    void join(TlsSource source, Generation generation) throws GeneralSecurityException {
        this.source = source;
        prepare(generation).run();
    }

    /** Builds what this generation needs now, and gives the act that puts it in force. */
    Runnable prepare(Generation generation) throws GeneralSecurityException {
        Serving next = new Serving(generation,
                settings.context(generation, source == null ? new TlsCounters() : source.counters));
        return () -> serving = next;
    }

    private Serving serving() {
        Serving now = serving;
        if (now == null) {
            throw new IllegalStateException("the TLS engine factory is not configured, or closed");
        }
        return now;
    }

    /** A generation and its context, replaced as one. A new context also forgets every session of the old one. */
    private static final class Serving {
        final Generation generation;
        final SSLContext context;

        Serving(Generation generation, SSLContext context) {
            this.generation = generation;
            this.context = context;
        }
    }
}
