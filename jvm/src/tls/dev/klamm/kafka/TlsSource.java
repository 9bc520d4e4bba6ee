package dev.klamm.kafka;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One pair of files and the generation last read from them, shared by all factories that name the same files: Kafka
 * makes a factory for each replica fetcher and each client, at any time, and those must not touch the disk.
 */
final class TlsSource {
    private static final Logger LOG = LoggerFactory.getLogger(KlammSslEngineFactory.class);
    /** A bad generation is tried again this often, for what heals without a change of its files (clock, I/O). */
    private static final long RETRY_MS = 10_000;

    final int number;
    final PemFiles files;
    final TlsCounters counters = new TlsCounters();
    final Engines engines = new Engines();
    private final Set<KlammSslEngineFactory> factories = Collections.newSetFromMap(new WeakHashMap<>());

    // Guarded by this; never held during I/O.
    private Generation current;
    private Instant checkedAt;
    private Problem problem;

    /** Only the thread that reads files uses these. */
    private String badStamp;
    private long badSinceNanos;

    TlsSource(int number, PemFiles files) {
        this.number = number;
        this.files = files;
    }

    /** The first read, on the thread that configures the first factory. There is nothing older to keep. */
    void readFirst() throws IOException, BadGenerationException {
        Generation first = Generation.read(files);
        synchronized (this) {
            current = first;
            checkedAt = Instant.now();
        }
        String doubt = first.reasonNotValidAt(Instant.now());
        if (doubt != null) {
            LOG.warn("TLS generation is used although it is not valid now, as there is no other: {}", doubt);
        }
        LOG.info("TLS {} loaded: {}", files, describe(first));
    }

    /** Adds the factory and gives it the current generation in one, so that no swap is missed between the two. */
    synchronized void add(KlammSslEngineFactory factory) throws GeneralSecurityException {
        factory.join(this, current);
        factories.add(factory);
    }

    synchronized void remove(KlammSslEngineFactory factory) {
        factories.remove(factory);
    }

    synchronized boolean isUnused() {
        return factories.isEmpty();
    }

    synchronized Generation current() {
        return current;
    }

    /** Looks for a new generation and swaps to it if it is good. May block on the disk; the watch thread calls it. */
    void check() {
        String stamp;
        try {
            stamp = Generation.stamp(files);
        } catch (IOException e) {
            refuse(null, e.toString());
            return;
        }
        Generation old = current();
        if (stamp.equals(old.stamp)) {
            badStamp = null;
            accept(null);
            return;
        }
        if (stamp.equals(badStamp) && System.nanoTime() - badSinceNanos < RETRY_MS * 1_000_000) {
            touch();
            return;
        }
        try {
            Generation next = Generation.read(files);
            Instant now = Instant.now();
            String doubt = next.reasonNotValidAt(now);
            if (doubt != null && old.reasonNotValidAt(now) == null) {
                throw new BadGenerationException(doubt);
            }
            swap(next);
            badStamp = null;
            LOG.info("TLS {} swapped from {} to {}", files, old.name, describe(next));
        } catch (BadGenerationException e) {
            refuse(stamp, e.getMessage());
        } catch (IOException | GeneralSecurityException | RuntimeException e) {
            refuse(stamp, e.toString());
        }
    }

    void checkFailed(Throwable why) {
        refuse(null, why.toString());
    }

    /** All factories or none: contexts are built first, then published. */
    private synchronized void swap(Generation next) throws GeneralSecurityException {
        List<Runnable> publications = new ArrayList<>();
        for (KlammSslEngineFactory factory : factories) {
            publications.add(factory.prepare(next));
        }
        publications.forEach(Runnable::run);
        accept(next);
    }

    private synchronized void accept(Generation next) {
        if (next != null) {
            current = next;
        }
        if (problem != null) {
            LOG.info("TLS {} is good again: {}", files, current.name);
        }
        problem = null;
        checkedAt = Instant.now();
    }

    private synchronized void touch() {
        checkedAt = Instant.now();
    }

    private void refuse(String stamp, String why) {
        boolean news;
        Generation kept;
        synchronized (this) {
            checkedAt = Instant.now();
            news = problem == null || !problem.text.equals(why);
            kept = current;
            if (news) {
                problem = new Problem(why, checkedAt);
            }
        }
        badStamp = stamp;
        badSinceNanos = System.nanoTime();
        if (news) {
            LOG.error("TLS {}: the new generation is refused, {} stays in use: {}", files, kept.name, why);
        }
    }

    /** One row of the status: plain strings, numbers, lists and maps; null is unknown. */
    Map<String, Object> row() {
        Generation seen;
        Instant checked;
        Problem bad;
        int users;
        synchronized (this) {
            seen = current;
            checked = checkedAt;
            bad = problem;
            users = factories.size();
        }
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("source", number);
        row.put("key_file", text(files.keyIn(files.folder())));
        row.put("trust_file", text(files.trustIn(files.folder())));
        row.put("generation", seen == null ? null : seen.name);
        row.putAll(certificate(seen == null ? null : seen.leaf()));
        row.put("trust", seen == null || seen.trust == null ? null : trust(seen));
        row.put("denied", seen == null ? null : seen.deny.size());
        row.put("loaded_at", seen == null ? null : seen.loadedAt.toString());
        row.put("checked_at", text(checked));
        row.put("last_error", bad == null ? null : bad.row());
        row.put("factories", users);
        row.put("client_engines", counters.clientEngines.sum());
        row.put("server_engines", counters.serverEngines.sum());
        row.put("engines_in_use", new LinkedHashMap<String, Object>(engines.inUse()));
        row.put("refused_denied", counters.refusedDenied.sum());
        row.put("refused_unmapped", counters.refusedUnmapped.sum());
        return row;
    }

    private static List<Object> trust(Generation generation) {
        List<Object> rows = new ArrayList<>();
        for (X509Certificate certificate : generation.trust) {
            rows.add(certificate(certificate));
        }
        return rows;
    }

    /** All null when there is none. */
    private static Map<String, Object> certificate(X509Certificate one) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("subject", one == null ? null : one.getSubjectX500Principal().getName());
        row.put("serial", one == null ? null : serial(one));
        row.put("not_before", one == null ? null : one.getNotBefore().toInstant().toString());
        row.put("not_after", one == null ? null : one.getNotAfter().toInstant().toString());
        row.put("spki_sha256", one == null ? null : DenyList.spkiSha256(one));
        return row;
    }

    private static String describe(Generation generation) {
        X509Certificate leaf = generation.leaf();
        return leaf == null ? generation.name
                : generation.name + " (serial " + serial(leaf) + ", not after " + leaf.getNotAfter().toInstant() + ")";
    }

    /** Lower-case hexadecimal, whole bytes, no leading zero bytes: as the rest of Klamm writes it. */
    static String serial(X509Certificate certificate) {
        String hex = certificate.getSerialNumber().toString(16);
        return hex.length() % 2 == 0 ? hex : "0" + hex;
    }

    private static String text(Object value) {
        return value == null ? null : value.toString();
    }

    private static final class Problem {
        final String text;
        final Instant since;

        Problem(String text, Instant since) {
            this.text = text;
            this.since = since;
        }

        Map<String, Object> row() {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("since", since.toString());
            row.put("text", text);
            return row;
        }
    }
}
