package dev.klamm.kafka;

import java.util.List;
import java.util.Set;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;

/**
 * Reads MBeans that are already there. It never makes the platform's MBean server: Kafka does when it is ready for it,
 * and until then everything is unknown.
 */
final class Beans {
    private final List<MBeanServer> servers;

    Beans() {
        this.servers = MBeanServerFactory.findMBeanServer(null);
    }

    /** An attribute, or null when the bean or the attribute is not there or does not answer. */
    Object read(String bean, String attribute) {
        for (MBeanServer server : servers) {
            try {
                return known(server.getAttribute(new ObjectName(bean), attribute));
            } catch (JMException | RuntimeException absentOrBroken) {
                continue;
            }
        }
        return null;
    }

    /** The sum of an attribute over all beans that match; null when there are none or one does not answer. */
    Long sum(String pattern, String attribute) {
        Long sum = null;
        for (MBeanServer server : servers) {
            try {
                Set<ObjectName> names = server.queryNames(new ObjectName(pattern), null);
                for (ObjectName name : names) {
                    if (!(server.getAttribute(name, attribute) instanceof Number number)) {
                        return null;
                    }
                    sum = (sum == null ? 0 : sum) + number.longValue();
                }
            } catch (JMException | RuntimeException goneMeanwhile) {
                return null;
            }
        }
        return sum;
    }

    /** A whole number, or null. Kafka's own metrics are doubles even where they count. */
    Long whole(String bean, String attribute) {
        return read(bean, attribute) instanceof Number number ? Long.valueOf(number.longValue()) : null;
    }

    private static Object known(Object value) {
        return value instanceof Double number && !Double.isFinite(number) ? null : value;
    }
}
