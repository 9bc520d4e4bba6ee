package dev.klamm.kafka;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * All files of this JVM that factories use, and the one thread that looks at them. The thread is a daemon: it never
 * keeps a JVM alive, and when the disk hangs only it hangs ({@code checked_at} in the status stands still).
 */
final class TlsWatch {
    /** How soon a new generation is seen. One stat call for each of three files a second is not measurable. */
    private static final long INTERVAL_MS = 1_000;

    private static final Map<PemFiles, TlsSource> SOURCES = new LinkedHashMap<>();
    private static int numbered;
    private static Thread thread;

    private TlsWatch() {}

    /** Gives the factory the source of its files, read now only if no other factory uses them. */
    static void join(PemFiles files, KlammSslEngineFactory factory)
            throws IOException, BadGenerationException, GeneralSecurityException {
        synchronized (SOURCES) {
            TlsSource known = SOURCES.get(files);
            if (known != null) {
                known.add(factory);
                return;
            }
        }
        TlsSource fresh = new TlsSource(nextNumber(), files);
        fresh.readFirst();
        synchronized (SOURCES) {
            TlsSource winner = SOURCES.putIfAbsent(files, fresh);
            startThread();
            if (winner != null) {
                winner.add(factory);
                return;
            }
            fresh.add(factory);
        }
        TlsBean.register(fresh);
    }

    /** What the observer and the MBeans tell; one row for each pair of files. */
    static List<Map<String, Object>> rows() {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (TlsSource source : sources()) {
            rows.add(source.row());
        }
        return rows;
    }

    private static int nextNumber() {
        synchronized (SOURCES) {
            return ++numbered;
        }
    }

    private static List<TlsSource> sources() {
        synchronized (SOURCES) {
            return new ArrayList<>(SOURCES.values());
        }
    }

    private static void forgetUnused() {
        List<TlsSource> unused = new ArrayList<>();
        synchronized (SOURCES) {
            for (TlsSource source : new ArrayList<>(SOURCES.values())) {
                if (source.isUnused()) {
                    SOURCES.remove(source.files);
                    unused.add(source);
                }
            }
        }
        unused.forEach(TlsBean::unregister);
    }

    private static void startThread() {
        if (thread == null) {
            thread = new Thread(TlsWatch::run, "klamm-tls-watch");
            thread.setDaemon(true);
            thread.start();
        }
    }

    private static void run() {
        while (true) {
            try {
                Thread.sleep(INTERVAL_MS);
            } catch (InterruptedException e) {
                // Nobody owns this thread but the JVM: there is nobody to obey.
                continue;
            }
            forgetUnused();
            for (TlsSource source : sources()) {
                try {
                    source.check();
                } catch (RuntimeException | Error e) {
                    // A dead watch would serve old certificates until they expire, in silence.
                    source.checkFailed(e);
                }
            }
        }
    }
}
