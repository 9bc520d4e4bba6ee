package dev.klamm.kafka;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;

/**
 * One generation of key, chain, trust and deny list, read from one folder and checked as a whole. Immutable: what is
 * served is always one generation, never a mixture of two.
 */
final class Generation {
    /** Optional, beside the PEM files; see {@link DenyList}. */
    static final String DENY_FILE = "deny.txt";
    /** The largest file read. A node's files have a few KB; a wrong path must not fill the heap. */
    private static final int MAX_BYTES = 4 << 20;
    private static final char[] NO_PASSWORD = new char[0];

    /** The last name of the folder after symbolic links are resolved, such as {@code gen-000007}. */
    final String name;
    /** What was seen of the files before they were read, and again afterwards. */
    final String stamp;
    /** Own certificate first; null when no key store is configured. */
    final List<X509Certificate> chain;
    /** Null when no trust store is configured. */
    final List<X509Certificate> trust;
    final DenyList deny;
    final Instant loadedAt;
    /** In-memory stores handed to the platform's key and trust managers; null as above. */
    final KeyStore keyStore;
    final KeyStore trustStore;
    private final Map<String, KeyManager[]> keyManagers = new HashMap<>();

    private Generation(String name, String stamp, Pem own, List<X509Certificate> trust, DenyList deny)
            throws BadGenerationException {
        this.name = name;
        this.stamp = stamp;
        this.chain = own == null ? null : own.certificates;
        this.trust = trust;
        this.deny = deny;
        this.loadedAt = Instant.now();
        try {
            this.keyStore = own == null ? null : keyStore(own.key, own.certificates);
            this.trustStore = trust == null ? null : trustStore(trust);
        } catch (GeneralSecurityException | IOException e) {
            throw new BadGenerationException(name + ": the certificates do not form a key store", e);
        }
    }

    /**
     * Key managers of an algorithm, made once: taking the key out of its store costs milliseconds, and Kafka makes
     * dozens of factories.
     */
    KeyManager[] keyManagers(String algorithm) throws GeneralSecurityException {
        synchronized (keyManagers) {
            KeyManager[] made = keyManagers.get(algorithm);
            if (made == null) {
                KeyManagerFactory factory = KeyManagerFactory.getInstance(algorithm);
                factory.init(keyStore, NO_PASSWORD);
                made = factory.getKeyManagers();
                keyManagers.put(algorithm, made);
            }
            return made;
        }
    }

    X509Certificate leaf() {
        return chain == null ? null : chain.get(0);
    }

    /** Why this generation must not replace a valid one at this instant; null when it may. */
    String reasonNotValidAt(Instant now) {
        X509Certificate leaf = leaf();
        if (leaf == null) {
            return null;
        }
        if (now.isAfter(leaf.getNotAfter().toInstant())) {
            return name + ": the certificate expired at " + leaf.getNotAfter().toInstant();
        }
        if (now.isBefore(leaf.getNotBefore().toInstant())) {
            return name + ": the certificate is not valid before " + leaf.getNotBefore().toInstant();
        }
        return null;
    }

    /** What can be seen of the files without reading them: the resolved folder, inode, time and size of each. */
    static String stamp(PemFiles files) throws IOException {
        return stampIn(files.folder().toRealPath(), files);
    }

    private static String stampIn(Path folder, PemFiles files) throws IOException {
        return folder + "\n" + stampOf(files.keyIn(folder)) + "\n" + stampOf(files.trustIn(folder)) + "\n"
                + stampOf(folder.resolve(DENY_FILE));
    }

    /**
     * Reads and checks the generation that the folder leads to now. The link is resolved once, so that all files are
     * of one generation even when it is swapped in the middle.
     */
    static Generation read(PemFiles files) throws IOException, BadGenerationException {
        Path folder = files.folder().toRealPath();
        String stamp = stampIn(folder, files);
        Path keyFile = files.keyIn(folder);
        Path trustFile = files.trustIn(folder);
        Pem own = keyFile == null ? null : Pem.keyAndChain(label(keyFile), bytes(keyFile));
        List<X509Certificate> trust = trustFile == null ? null : Pem.trust(label(trustFile), bytes(trustFile));
        DenyList deny = denyList(folder.resolve(DENY_FILE));
        if (own != null) {
            checkKeyFitsLeaf(label(keyFile), own.key, own.certificates.get(0).getPublicKey());
            checkChainLeads(label(keyFile), own.certificates);
        }
        Generation generation = new Generation(folder.getFileName().toString(), stamp, own, trust, deny);
        if (!stamp.equals(stampIn(folder, files))) {
            throw new BadGenerationException(generation.name + ": the files changed while they were read");
        }
        return generation;
    }

    private static DenyList denyList(Path file) throws IOException, BadGenerationException {
        byte[] bytes;
        try {
            bytes = bytes(file);
        } catch (NoSuchFileException absent) {
            return DenyList.EMPTY;
        }
        return DenyList.parse(label(file), bytes);
    }

    private static void checkKeyFitsLeaf(String file, PrivateKey key, PublicKey leaf) throws BadGenerationException {
        String algorithm = leaf.getAlgorithm().equals("EC") ? "SHA256withECDSA" : "SHA256withRSA";
        byte[] message = file.getBytes(StandardCharsets.UTF_8);
        boolean fits;
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(message);
            byte[] signed = signature.sign();
            signature.initVerify(leaf);
            signature.update(message);
            fits = signature.verify(signed);
        } catch (GeneralSecurityException e) {
            fits = false;
        }
        if (!fits) {
            throw new BadGenerationException(file + ": the private key does not match the first certificate");
        }
    }

    private static void checkChainLeads(String file, List<X509Certificate> chain) throws BadGenerationException {
        for (int i = 0; i + 1 < chain.size(); i++) {
            X509Certificate child = chain.get(i);
            X509Certificate parent = chain.get(i + 1);
            try {
                if (!child.getIssuerX500Principal().equals(parent.getSubjectX500Principal())) {
                    throw new BadGenerationException(file + ": certificate " + (i + 1) + " was issued by "
                            + child.getIssuerX500Principal() + ", but certificate " + (i + 2) + " is "
                            + parent.getSubjectX500Principal());
                }
                child.verify(parent.getPublicKey());
            } catch (GeneralSecurityException e) {
                throw new BadGenerationException(file + ": certificate " + (i + 2) + " did not sign certificate "
                        + (i + 1), e);
            }
        }
    }

    private static KeyStore keyStore(PrivateKey key, List<X509Certificate> chain)
            throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("kafka", key, NO_PASSWORD, chain.toArray(new X509Certificate[0]));
        return store;
    }

    private static KeyStore trustStore(List<X509Certificate> trust) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (int i = 0; i < trust.size(); i++) {
            store.setCertificateEntry("kafka" + i, trust.get(i));
        }
        return store;
    }

    private static byte[] bytes(Path file) throws IOException, BadGenerationException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw new BadGenerationException(label(file) + ": larger than " + MAX_BYTES + " bytes");
            }
            return bytes;
        }
    }

    private static String stampOf(Path file) throws IOException {
        if (file == null) {
            return "-";
        }
        try {
            BasicFileAttributes seen = Files.readAttributes(file, BasicFileAttributes.class);
            return seen.fileKey() + " " + seen.lastModifiedTime().to(TimeUnit.NANOSECONDS) + " "
                    + seen.size();
        } catch (NoSuchFileException absent) {
            return "absent";
        }
    }

    /** Folder and file name: enough to find it, the same on every machine. */
    private static String label(Path file) {
        return file.getParent().getFileName() + "/" + file.getFileName();
    }
}
