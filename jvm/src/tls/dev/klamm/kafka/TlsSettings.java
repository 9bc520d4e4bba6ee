package dev.klamm.kafka;

import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.SslClientAuth;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.config.internals.BrokerSecurityConfigs;
import org.apache.kafka.common.utils.SecurityUtils;

/**
 * One factory's settings, read once. Each setting either means exactly what it means to Kafka's own factory, or is
 * refused with a {@link ConfigException}; none is ignored. The parity suite holds this to it.
 */
final class TlsSettings {
    private static final String PEM = "PEM";

    /** Null when neither a key store nor a trust store is configured. */
    final PemFiles files;
    private final SslClientAuth clientAuth;
    private final String protocol;
    private final String provider;
    private final String keyManagers;
    private final String trustManagers;
    private final String[] cipherSuites;
    private final String[] enabledProtocols;
    private final SecureRandom random;
    private final Predicate<X509Certificate> knownClient;

    TlsSettings(Map<String, ?> configs) {
        SecurityUtils.addConfiguredSecurityProviders(configs);
        refuseIfSet(configs, SslConfigs.SSL_KEYSTORE_KEY_CONFIG);
        refuseIfSet(configs, SslConfigs.SSL_KEYSTORE_CERTIFICATE_CHAIN_CONFIG);
        refuseIfSet(configs, SslConfigs.SSL_TRUSTSTORE_CERTIFICATES_CONFIG);
        refuseIfSet(configs, SslConfigs.SSL_KEYSTORE_PASSWORD_CONFIG);
        refuseIfSet(configs, SslConfigs.SSL_KEY_PASSWORD_CONFIG);
        refuseIfSet(configs, SslConfigs.SSL_TRUSTSTORE_PASSWORD_CONFIG);
        Path key = pemFile(configs, SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG, SslConfigs.SSL_KEYSTORE_TYPE_CONFIG);
        Path trust = pemFile(configs, SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG, SslConfigs.SSL_TRUSTSTORE_TYPE_CONFIG);
        if (key != null && trust != null && !PemFiles.sameFolder(key, trust)) {
            throw new ConfigException(SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG, trust,
                    "must be in the folder of " + SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG + " (" + key
                            + "): key, chain and trust are one generation");
        }
        files = key == null && trust == null ? null : new PemFiles(key, trust);
        clientAuth = clientAuth(configs);
        if (clientAuth != SslClientAuth.NONE && trust == null) {
            throw new ConfigException(BrokerSecurityConfigs.SSL_CLIENT_AUTH_CONFIG, clientAuth, "needs "
                    + SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG
                    + ": without it every client that any public authority vouches for would be let in");
        }
        protocol = string(configs, SslConfigs.SSL_PROTOCOL_CONFIG);
        if (protocol == null) {
            throw new ConfigException(SslConfigs.SSL_PROTOCOL_CONFIG, null, "must be set");
        }
        provider = string(configs, SslConfigs.SSL_PROVIDER_CONFIG);
        keyManagers = string(configs, SslConfigs.SSL_KEYMANAGER_ALGORITHM_CONFIG);
        trustManagers = string(configs, SslConfigs.SSL_TRUSTMANAGER_ALGORITHM_CONFIG);
        cipherSuites = list(configs, SslConfigs.SSL_CIPHER_SUITES_CONFIG);
        if (configs.get(SslConfigs.SSL_ENABLED_PROTOCOLS_CONFIG) == null) {
            throw new ConfigException(SslConfigs.SSL_ENABLED_PROTOCOLS_CONFIG, null, "must be set");
        }
        enabledProtocols = list(configs, SslConfigs.SSL_ENABLED_PROTOCOLS_CONFIG);
        random = secureRandom(configs);
        knownClient = PrincipalRules.from(configs);
    }

    /** Everything an engine needs, built off the network threads. The generation is null when no files are used. */
    SSLContext context(Generation generation, TlsCounters counters) throws GeneralSecurityException {
        SSLContext context =
                provider == null ? SSLContext.getInstance(protocol) : SSLContext.getInstance(protocol, provider);
        context.init(keyManagers(generation), trustManagers(generation, counters), random);
        return context;
    }

    SSLEngine serverEngine(SSLContext context, String peerHost, int peerPort) {
        SSLEngine engine = engine(context, peerHost, peerPort);
        engine.setUseClientMode(false);
        switch (clientAuth) {
            case REQUIRED:
                engine.setNeedClientAuth(true);
                break;
            case REQUESTED:
                engine.setWantClientAuth(true);
                break;
            case NONE:
                break;
            default:
                throw new IllegalStateException("client authentication " + clientAuth + " appeared after start");
        }
        return engine;
    }

    SSLEngine clientEngine(SSLContext context, String peerHost, int peerPort, String endpointIdentification) {
        SSLEngine engine = engine(context, peerHost, peerPort);
        engine.setUseClientMode(true);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm(endpointIdentification);
        engine.setSSLParameters(parameters);
        return engine;
    }

    private SSLEngine engine(SSLContext context, String peerHost, int peerPort) {
        SSLEngine engine = context.createSSLEngine(peerHost, peerPort);
        if (cipherSuites != null) {
            engine.setEnabledCipherSuites(cipherSuites);
        }
        if (enabledProtocols != null) {
            engine.setEnabledProtocols(enabledProtocols);
        }
        return engine;
    }

    private KeyManager[] keyManagers(Generation generation) throws GeneralSecurityException {
        if (generation != null && generation.keyStore != null) {
            return generation.keyManagers(
                    keyManagers != null ? keyManagers : KeyManagerFactory.getDefaultAlgorithm());
        }
        if (keyManagers == null) {
            return null;
        }
        KeyManagerFactory factory = KeyManagerFactory.getInstance(keyManagers);
        factory.init(null, null);
        return factory.getKeyManagers();
    }

    private TrustManager[] trustManagers(Generation generation, TlsCounters counters)
            throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(
                trustManagers != null ? trustManagers : TrustManagerFactory.getDefaultAlgorithm());
        factory.init(generation == null ? null : generation.trustStore);
        TrustManager[] platform = factory.getTrustManagers();
        DenyList deny = generation == null ? DenyList.EMPTY : generation.deny;
        TrustManager[] guarded = new TrustManager[platform.length];
        for (int i = 0; i < platform.length; i++) {
            if (!(platform[i] instanceof X509ExtendedTrustManager)) {
                throw new ConfigException(SslConfigs.SSL_TRUSTMANAGER_ALGORITHM_CONFIG, trustManagers,
                        "gives a trust manager that cannot check host names (" + platform[i].getClass().getName()
                                + ")");
            }
            guarded[i] = new GuardedTrustManager((X509ExtendedTrustManager) platform[i], deny, knownClient, counters);
        }
        return guarded;
    }

    private static void refuseIfSet(Map<String, ?> configs, String key) {
        if (configs.get(key) != null) {
            // The value may be a secret: it is not in the message.
            throw new ConfigException(key + " is not supported by " + KlammSslEngineFactory.class.getName()
                    + ": keys, chains and trust come from PEM files without a password");
        }
    }

    private static Path pemFile(Map<String, ?> configs, String locationKey, String typeKey) {
        String location = string(configs, locationKey);
        if (location == null) {
            return null;
        }
        if (!PEM.equals(configs.get(typeKey))) {
            throw new ConfigException(typeKey, configs.get(typeKey), "must be " + PEM);
        }
        Path path = Path.of(location);
        if (path.getFileName() == null) {
            throw new ConfigException(locationKey, location, "is not a file");
        }
        return path;
    }

    /** Unlike Kafka's own factory, which falls back to no client authentication, a word it does not know is refused. */
    private static SslClientAuth clientAuth(Map<String, ?> configs) {
        String word = string(configs, BrokerSecurityConfigs.SSL_CLIENT_AUTH_CONFIG);
        SslClientAuth auth = SslClientAuth.forConfig(word);
        if (auth == null) {
            throw new ConfigException(BrokerSecurityConfigs.SSL_CLIENT_AUTH_CONFIG, word,
                    "must be one of " + SslClientAuth.VALUES.toString().toLowerCase(Locale.ROOT));
        }
        return auth;
    }

    private static SecureRandom secureRandom(Map<String, ?> configs) {
        String algorithm = string(configs, SslConfigs.SSL_SECURE_RANDOM_IMPLEMENTATION_CONFIG);
        if (algorithm == null) {
            return null;
        }
        try {
            return SecureRandom.getInstance(algorithm);
        } catch (GeneralSecurityException e) {
            throw new ConfigException(SslConfigs.SSL_SECURE_RANDOM_IMPLEMENTATION_CONFIG, algorithm, e.getMessage());
        }
    }

    private static String string(Map<String, ?> configs, String key) {
        return (String) configs.get(key);
    }

    private static String[] list(Map<String, ?> configs, String key) {
        List<?> values = (List<?>) configs.get(key);
        return values == null || values.isEmpty() ? null : values.toArray(new String[0]);
    }
}
