package dev.klamm.kafka;

import java.io.IOException;
import java.security.cert.X509Certificate;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.common.config.internals.BrokerSecurityConfigs;
import org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder;
import org.apache.kafka.common.security.ssl.SslPrincipalMapper;

/**
 * Kafka's own principal mapping, asked in the handshake. A client that no rule maps is refused by Kafka anyway, but
 * after the handshake and with a stack trace for each connection; refused here it costs one line.
 */
final class PrincipalRules {
    private PrincipalRules() {}

    /** Accepts everybody when there are no rules (a client) or when Kafka itself would not consult them. */
    static Predicate<X509Certificate> from(Map<String, ?> configs) {
        Object rules = configs.get(BrokerSecurityConfigs.SSL_PRINCIPAL_MAPPING_RULES_CONFIG);
        Object builder = configs.get(BrokerSecurityConfigs.PRINCIPAL_BUILDER_CLASS_CONFIG);
        boolean kafkasOwnBuilder = builder == null || builder == DefaultKafkaPrincipalBuilder.class
                || DefaultKafkaPrincipalBuilder.class.getName().equals(builder);
        if (!(rules instanceof String) || !kafkasOwnBuilder) {
            return certificate -> true;
        }
        SslPrincipalMapper mapper = SslPrincipalMapper.fromRules((String) rules);
        return certificate -> {
            try {
                return mapper.getName(certificate.getSubjectX500Principal().getName()) != null;
            } catch (IOException noMatchingRule) {
                return false;
            }
        };
    }
}
