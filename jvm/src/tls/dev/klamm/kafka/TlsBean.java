package dev.klamm.kafka;

import java.lang.management.ManagementFactory;
import java.util.Map;
import javax.management.JMException;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One source as an MBean, for those who scrape JMX; a failure to register is said and costs nothing else. */
final class TlsBean implements TlsBeanMXBean {
    private static final Logger LOG = LoggerFactory.getLogger(TlsBean.class);

    private final TlsSource source;

    private TlsBean(TlsSource source) {
        this.source = source;
    }

    static void register(TlsSource source) {
        try {
            ManagementFactory.getPlatformMBeanServer().registerMBean(new TlsBean(source), name(source));
        } catch (JMException | SecurityException e) {
            LOG.warn("TLS source {} is not visible over JMX", source.number, e);
        }
    }

    static void unregister(TlsSource source) {
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name(source));
        } catch (JMException | SecurityException e) {
            LOG.debug("TLS source {} was not visible over JMX", source.number, e);
        }
    }

    private static ObjectName name(TlsSource source) throws JMException {
        return new ObjectName("klamm:type=tls,source=" + source.number);
    }

    @Override
    public String getKeyFile() {
        return text(source.row().get("key_file"));
    }

    @Override
    public String getTrustFile() {
        return text(source.row().get("trust_file"));
    }

    @Override
    public String getGeneration() {
        return text(source.row().get("generation"));
    }

    @Override
    public String getSerial() {
        return text(source.row().get("serial"));
    }

    @Override
    public String getNotAfter() {
        return text(source.row().get("not_after"));
    }

    @Override
    public String getLoadedAt() {
        return text(source.row().get("loaded_at"));
    }

    @Override
    public String getCheckedAt() {
        return text(source.row().get("checked_at"));
    }

    @Override
    public String getLastError() {
        Object error = source.row().get("last_error");
        return error instanceof Map ? text(((Map<?, ?>) error).get("text")) : null;
    }

    private static String text(Object value) {
        return value == null ? null : value.toString();
    }
}
