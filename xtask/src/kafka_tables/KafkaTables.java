// Prints what a Kafka release knows of its own properties, one tab-separated row each; run by
// `cargo xtask kafka-tables` on the jars of that release. Columns: ../../../crates/core/src/kafka/properties/table.rs

import java.lang.reflect.Field;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SslConfigs;

public final class KafkaTables {
    public static void main(String[] args) throws Exception {
        @SuppressWarnings("unchecked")
        Map<String, String> modes = (Map<String, String>) call("dynamicConfigUpdateModes",
            "org.apache.kafka.server.config.DynamicBrokerConfig", "kafka.server.DynamicBrokerConfig$");
        Set<String> onlyWithListener = SslConfigs.RECONFIGURABLE_CONFIGS;

        ConfigDef broker = (ConfigDef) Class.forName("kafka.server.KafkaConfig").getMethod("configDef").invoke(null);
        for (ConfigDef.ConfigKey key : sorted(broker.configKeys().values())) {
            String mode = modes.getOrDefault(key.name, "read-only");
            if (onlyWithListener.contains(key.name)) mode = "per-listener";
            row("broker", key, mode, "");
        }
        // Dynamic only: throttles are no part of a broker's file.
        ConfigDef throttles = (ConfigDef) call("brokerQuotaConfigs", "org.apache.kafka.server.config.QuotaConfig",
            "org.apache.kafka.server.config.QuotaConfigs");
        for (ConfigDef.ConfigKey key : sorted(throttles.configKeys().values())) {
            if (!broker.names().contains(key.name)) row("broker-dynamic", key, modes.getOrDefault(key.name, "per-broker"), "");
        }

        @SuppressWarnings("unchecked")
        Map<String, String> synonyms = (Map<String, String>) Class
            .forName("org.apache.kafka.server.config.ServerTopicConfigSynonyms")
            .getField("TOPIC_CONFIG_SYNONYMS").get(null);
        ConfigDef topic = (ConfigDef) Class.forName("org.apache.kafka.storage.internals.log.LogConfig")
            .getMethod("configDefCopy").invoke(null);
        for (ConfigDef.ConfigKey key : sorted(topic.configKeys().values())) {
            row("topic", key, "topic", synonyms.getOrDefault(key.name, ""));
        }
    }

    private static void row(String scope, ConfigDef.ConfigKey key, String mode, String brokerKey) throws Exception {
        System.out.println(String.join("\t", scope, key.name, key.type.name().toLowerCase(), defaultOf(key),
            checkOf(key.validator), key.importance.name().toLowerCase(), mode,
            key.internalConfig ? "internal" : "public", brokerKey));
    }

    /** `!` none: the key must be set. `~` null. Otherwise the text, as it would stand in a properties file. */
    private static String defaultOf(ConfigDef.ConfigKey key) {
        if (!key.hasDefault()) return "!";
        if (key.defaultValue == null) return "~";
        String text = ConfigDef.convertToString(key.defaultValue, key.type);
        if (text.matches(".*[\\t\\n\\\\].*") || text.equals("!") || text.equals("~"))
            throw new IllegalStateException("default of " + key.name + " needs an escape: " + text);
        return text;
    }

    private static String checkOf(ConfigDef.Validator validator) throws Exception {
        if (validator == null) return "";
        String kind = validator.getClass().getSimpleName();
        switch (kind) {
            case "Range":
                return "range " + bound(field(validator, "min")) + " " + bound(field(validator, "max"));
            case "ValidString":
                return "of " + joined(field(validator, "validStrings"));
            case "CaseInsensitiveValidString":
                return "of-any-case " + joined(field(validator, "validStrings"));
            case "NonEmptyString":
            case "NonEmptyStringWithoutControlChars":
                return "not-empty";
            case "ValidList":
                String list = "list";
                if (hasField(validator, "isEmptyAllowed")) {
                    list += " distinct";
                    if (!(Boolean) field(validator, "isEmptyAllowed")) list += " not-empty";
                }
                String values = joined(field(field(validator, "validString"), "validStrings"));
                return values.isEmpty() ? list : list + " of " + values;
            default:
                String text = String.valueOf(validator);
                return text.contains("@") || text.isEmpty() ? "" : "text " + text;
        }
    }

    private static String bound(Object number) {
        return number == null ? "-" : number.toString();
    }

    private static String joined(Object values) {
        return ((Collection<?>) values).stream().map(String::valueOf).collect(Collectors.joining("|"));
    }

    private static boolean hasField(Object object, String name) {
        for (Field field : object.getClass().getDeclaredFields()) if (field.getName().equals(name)) return true;
        return false;
    }

    private static Object field(Object object, String name) throws Exception {
        Field field = object.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(object);
    }

    private static List<ConfigDef.ConfigKey> sorted(Collection<ConfigDef.ConfigKey> keys) {
        return keys.stream().sorted((a, b) -> a.name.compareTo(b.name)).collect(Collectors.toList());
    }

    /** Calls a method without arguments on the first of the classes, or Scala modules, that there is. */
    private static Object call(String method, String... classes) throws Exception {
        for (String name : classes) {
            Class<?> owner;
            try {
                owner = Class.forName(name);
            } catch (ClassNotFoundException movedBetweenLines) {
                continue;
            }
            Object receiver = name.endsWith("$") ? owner.getField("MODULE$").get(null) : null;
            return owner.getMethod(method).invoke(receiver);
        }
        throw new ClassNotFoundException(String.join(", ", classes));
    }
}
