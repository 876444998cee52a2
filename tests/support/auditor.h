#pragma once
// Looks at what a home's processes really are and hold, from /proc, sockets and files alone: it
// asks no agent, so an agent that is wrong about itself does not pass.

#include <QCryptographicHash>
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QSet>
#include <arpa/inet.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace test {

struct SeenProcess
{
    int pid = 0;
    char state = '?';
    QByteArray command;
};

struct SeenListener
{
    QByteArray address; ///< hex, as in /proc/net/tcp
    quint16 port = 0;
    int pid = 0;
};

class Auditor
{
public:
    Auditor(QString home, QString runtime) : m_home(std::move(home)), m_runtime(std::move(runtime))
    {
    }

    /// Processes that carry this home in their environment, whoever started them. The test program
    /// and its controllers are left out.
    [[nodiscard]] QList<SeenProcess> processes() const
    {
        QList<SeenProcess> found;
        const auto mark = "DRILLROOM_HOME=" + m_home.toLocal8Bit();
        for (const auto &entry : QDir(QStringLiteral("/proc")).entryList(QDir::Dirs)) {
            bool isNumber = false;
            const int pid = entry.toInt(&isNumber);
            if (!isNumber || !read(pid, "environ").split('\0').contains(mark))
                continue;
            const auto command = read(pid, "cmdline").replace('\0', ' ').trimmed();
            if (!command.contains("/flow_controller "))
                found.append({pid, state(pid), command});
        }
        return found;
    }

    [[nodiscard]] QList<int> pidsOf(const QByteArray &part) const
    {
        QList<int> pids;
        for (const auto &process : processes())
            if (process.command.contains(part))
                pids.append(process.pid);
        return pids;
    }

    [[nodiscard]] QList<int> stopped() const
    {
        QList<int> pids;
        for (const auto &process : processes())
            if (process.state == 'T')
                pids.append(process.pid);
        return pids;
    }

    [[nodiscard]] static char state(int pid)
    {
        const auto text = read(pid, "stat");
        const auto end = text.lastIndexOf(')');
        return end < 0 || end + 2 >= text.size() ? 'X' : text.at(end + 2);
    }

    /// Listening TCP sockets of the home's processes.
    [[nodiscard]] QList<SeenListener> listeners() const
    {
        QHash<QByteArray, SeenListener> byInode;
        for (const char *table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
            QFile file(QString::fromLatin1(table));
            if (!file.open(QIODevice::ReadOnly))
                continue;
            for (const auto &line : file.readAll().split('\n')) {
                const auto fields = line.simplified().split(' ');
                if (fields.size() < 10 || fields[3] != "0A")
                    continue;
                const auto local = fields[1].split(':');
                byInode[fields[9]] = {local[0], local[1].toUShort(nullptr, 16), 0};
            }
        }
        QList<SeenListener> found;
        for (const auto &process : processes())
            for (const auto &inode : socketInodes(process.pid))
                if (byInode.contains(inode)) {
                    auto one = byInode[inode];
                    one.pid = process.pid;
                    found.append(one);
                }
        return found;
    }

    /// Every UDP, raw or packet socket of the home's processes: there must be none.
    [[nodiscard]] int datagramSockets() const
    {
        QSet<QByteArray> inodes;
        for (const char *table : {"/proc/net/udp", "/proc/net/udp6", "/proc/net/raw"}) {
            QFile file(QString::fromLatin1(table));
            if (!file.open(QIODevice::ReadOnly))
                continue;
            for (const auto &line : file.readAll().split('\n')) {
                const auto fields = line.simplified().split(' ');
                if (fields.size() >= 10)
                    inodes.insert(fields[9]);
            }
        }
        int count = 0;
        for (const auto &process : processes())
            for (const auto &inode : socketInodes(process.pid))
                count += inodes.contains(inode);
        return count;
    }

    /// Intents in the ledger file without a done record; read without the ledger's own code.
    [[nodiscard]] int pendingIntents() const
    {
        QFile file(m_home + QStringLiteral("/ledger.log"));
        if (!file.open(QIODevice::ReadOnly))
            return 0;
        QSet<qint64> open;
        for (const auto &line : file.readAll().split('\n')) {
            const auto record = nlohmann::json::parse(line.mid(9).toStdString(), nullptr, false);
            if (!record.is_object())
                continue;
            const auto serial = record.value("serial", qint64{0});
            if (record.value("type", "") == "intent")
                open.insert(serial);
            else
                open.remove(serial);
        }
        return static_cast<int>(open.size());
    }

    /// Sockets in the runtime folder that somebody still listens on or that were left lying there.
    [[nodiscard]] QStringList socketFiles() const
    {
        return QDir(m_runtime + QStringLiteral("/drillroom"))
            .entryList(QDir::System | QDir::NoDotAndDotDot);
    }
    /// Digest over names and bytes of what a fault may change on disk: the shops' packages and
    /// lists. The store's own file and its backups live on and are left out, what was taken from
    /// their place is not; nor count what a shop makes when it comes up: the gateway's
    /// file and where its nodes show their metrics.
    [[nodiscard]] QByteArray fileDigest() const
    {
        QStringList names;
        QDirIterator all(m_home + QStringLiteral("/shops"), QDir::Files | QDir::Hidden,
                         QDirIterator::Subdirectories);
        while (all.hasNext()) {
            const auto name = all.next();
            const auto base = QFileInfo(name).fileName();
            if (base != QStringLiteral("store.db") && base != QStringLiteral("store.db-wal")
                && base != QStringLiteral("store.db-shm") && base != QStringLiteral("gateway.yaml")
                && !name.contains(QStringLiteral("/backups/"))
                && !name.contains(QStringLiteral("/metrics/")))
                names.append(name);
        }
        names.sort();
        QCryptographicHash digest(QCryptographicHash::Sha256);
        for (const auto &name : names) {
            QFile file(name);
            digest.addData(name.toUtf8());
            if (file.open(QIODevice::ReadOnly))
                digest.addData(file.readAll());
        }
        return digest.result().toHex();
    }
    [[nodiscard]] static mode_t mode(const QString &path)
    {
        struct stat facts
        {
        };
        return ::stat(path.toLocal8Bit().constData(), &facts) == 0 ? facts.st_mode & 0777 : 0;
    }

private:
    [[nodiscard]] static QByteArray read(int pid, const char *name)
    {
        QFile file(QStringLiteral("/proc/%1/%2").arg(pid).arg(QString::fromLatin1(name)));
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    [[nodiscard]] static QList<QByteArray> socketInodes(int pid)
    {
        QList<QByteArray> inodes;
        const QDir folder(QStringLiteral("/proc/%1/fd").arg(pid));
        for (const auto &entry :
             folder.entryList(QDir::AllEntries | QDir::System | QDir::NoDotAndDotDot)) {
            char target[256] = {};
            const auto path = folder.filePath(entry).toLocal8Bit();
            const auto n = ::readlink(path.constData(), target, sizeof target - 1);
            const auto text = n > 0 ? QByteArray(target, static_cast<int>(n)) : QByteArray();
            if (text.startsWith("socket:["))
                inodes.append(text.mid(8, text.size() - 9));
        }
        return inodes;
    }

    QString m_home, m_runtime;
};

} // namespace test
