package dev.klamm.kafka;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.function.Predicate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * The platform's trust manager with two more reasons to refuse, never one less. It stays an extended one and passes
 * the engine on, because that is where the platform checks host names and algorithm constraints.
 */
final class GuardedTrustManager extends X509ExtendedTrustManager {
    private final X509ExtendedTrustManager platform;
    private final DenyList deny;
    /** Whether a client of this subject is somebody; see {@link PrincipalRules}. */
    private final Predicate<X509Certificate> known;
    private final TlsCounters counters;

    GuardedTrustManager(X509ExtendedTrustManager platform, DenyList deny, Predicate<X509Certificate> known,
            TlsCounters counters) {
        this.platform = platform;
        this.deny = deny;
        this.known = known;
        this.counters = counters;
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        platform.checkClientTrusted(chain, authType, engine);
        refuseDenied(chain);
        refuseUnknown(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        platform.checkClientTrusted(chain, authType, socket);
        refuseDenied(chain);
        refuseUnknown(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        platform.checkClientTrusted(chain, authType);
        refuseDenied(chain);
        refuseUnknown(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        platform.checkServerTrusted(chain, authType, engine);
        refuseDenied(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        platform.checkServerTrusted(chain, authType, socket);
        refuseDenied(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        platform.checkServerTrusted(chain, authType);
        refuseDenied(chain);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return platform.getAcceptedIssuers();
    }

    private void refuseDenied(X509Certificate[] chain) throws CertificateException {
        if (deny.holdsAny(chain)) {
            counters.refusedDenied.increment();
            throw new CertificateException("certificate " + TlsSource.serial(chain[0]) + " of "
                    + chain[0].getSubjectX500Principal() + " is on the deny list");
        }
    }

    private void refuseUnknown(X509Certificate[] chain) throws CertificateException {
        if (!known.test(chain[0])) {
            counters.refusedUnmapped.increment();
            throw new CertificateException("no principal mapping rule of this listener knows "
                    + chain[0].getSubjectX500Principal());
        }
    }
}
