#pragma once
// A disk that can be made full, made to hang, and that remembers what was written when, so that a
// test can cut the power at any write: SQLite's default VFS while it lives.

#include "engine/base/random.h"

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sqlite3.h>
#include <string>
#include <vector>

namespace support {

/// One at a time. Threads: the knobs from any.
class DiskShim
{
public:
    struct Op
    {
        enum Kind { Write, Truncate, Sync, Delete } kind;
        std::string file; ///< name without folder
        sqlite3_int64 at = 0;
        std::string data;
        bool isDurable = false; ///< Delete: the folder was synced too
        std::int64_t mark = 0;  ///< what mark() said last
    };

    DiskShim()
    {
        s_self = this;
        s_real = sqlite3_vfs_find("unix");
        m_vfs = *s_real;
        m_vfs.zName = "drillroom-shim";
        m_vfs.szOsFile = static_cast<int>(sizeof(File)) + s_real->szOsFile;
        m_vfs.xOpen = &open;
        m_vfs.xDelete = &remove;
        sqlite3_vfs_register(&m_vfs, 1);
    }
    ~DiskShim()
    {
        release();
        sqlite3_vfs_unregister(&m_vfs);
        s_self = nullptr;
    }
    DiskShim(const DiskShim &) = delete;
    DiskShim &operator=(const DiskShim &) = delete;

    void setFull(bool full) { m_full = full; }
    /// Every sync waits until release().
    void hang()
    {
        const std::lock_guard lock(m_mutex);
        m_hangs = true;
    }
    void release()
    {
        const std::lock_guard lock(m_mutex);
        m_hangs = false;
        m_wake.notify_all();
    }
    [[nodiscard]] int waiting() const { return m_waiting; }

    void record(bool on)
    {
        const std::lock_guard lock(m_mutex);
        m_records = on;
    }
    void mark(std::int64_t value) { m_mark = value; }
    [[nodiscard]] std::vector<Op> ops() const
    {
        const std::lock_guard lock(m_mutex);
        return m_ops;
    }

private:
    struct File
    {
        sqlite3_file base;
        sqlite3_file *real;
        std::string *name;
    };
    static File &of(sqlite3_file *file) { return *reinterpret_cast<File *>(file); }
    static sqlite3_file *real(sqlite3_file *file) { return of(file).real; }

    void log(Op op)
    {
        const std::lock_guard lock(m_mutex);
        if (!m_records)
            return;
        op.mark = m_mark;
        m_ops.push_back(std::move(op));
    }

    static int open(sqlite3_vfs *, const char *name, sqlite3_file *file, int flags, int *outFlags)
    {
        auto &own = of(file);
        own.base.pMethods = nullptr;
        own.real = reinterpret_cast<sqlite3_file *>(&own + 1);
        const int rc = s_real->xOpen(s_real, name, own.real, flags, outFlags);
        if (rc != SQLITE_OK)
            return rc;
        own.name =
            new std::string(name ? std::filesystem::path(name).filename().string() : std::string());
        own.base.pMethods = &methods();
        return SQLITE_OK;
    }
    static int remove(sqlite3_vfs *, const char *name, int syncDir)
    {
        const int rc = s_real->xDelete(s_real, name, syncDir);
        if (rc == SQLITE_OK && s_self)
            s_self->log({Op::Delete, std::filesystem::path(name).filename().string(), 0, "",
                         syncDir != 0, 0});
        return rc;
    }
    static int close(sqlite3_file *file)
    {
        delete of(file).name;
        return real(file)->pMethods->xClose(real(file));
    }
    static int write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
    {
        if (s_self && s_self->m_full)
            return SQLITE_FULL;
        const int rc = real(file)->pMethods->xWrite(real(file), data, size, at);
        if (rc == SQLITE_OK && s_self)
            s_self->log(
                {Op::Write, *of(file).name, at,
                 std::string(static_cast<const char *>(data), static_cast<std::size_t>(size)),
                 false, 0});
        return rc;
    }
    static int truncate(sqlite3_file *file, sqlite3_int64 size)
    {
        const int rc = real(file)->pMethods->xTruncate(real(file), size);
        if (rc == SQLITE_OK && s_self)
            s_self->log({Op::Truncate, *of(file).name, size, "", false, 0});
        return rc;
    }
    static int sync(sqlite3_file *file, int flags)
    {
        if (s_self) {
            std::unique_lock lock(s_self->m_mutex);
            if (s_self->m_hangs) {
                ++s_self->m_waiting;
                s_self->m_wake.wait(lock, [] { return !s_self->m_hangs; });
                --s_self->m_waiting;
            }
        }
        const int rc = real(file)->pMethods->xSync(real(file), flags);
        if (rc == SQLITE_OK && s_self)
            s_self->log({Op::Sync, *of(file).name, 0, "", false, 0});
        return rc;
    }
    static const sqlite3_io_methods &methods()
    {
        static const sqlite3_io_methods all = {
            2,
            &close,
            [](sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
                return real(f)->pMethods->xRead(real(f), to, n, at);
            },
            &write,
            &truncate,
            &sync,
            [](sqlite3_file *f, sqlite3_int64 *size) {
                return real(f)->pMethods->xFileSize(real(f), size);
            },
            [](sqlite3_file *f, int l) { return real(f)->pMethods->xLock(real(f), l); },
            [](sqlite3_file *f, int l) { return real(f)->pMethods->xUnlock(real(f), l); },
            [](sqlite3_file *f, int *out) {
                return real(f)->pMethods->xCheckReservedLock(real(f), out);
            },
            [](sqlite3_file *f, int op, void *arg) {
                return real(f)->pMethods->xFileControl(real(f), op, arg);
            },
            [](sqlite3_file *f) { return real(f)->pMethods->xSectorSize(real(f)); },
            [](sqlite3_file *f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
            [](sqlite3_file *f, int page, int size, int extend, void volatile **out) {
                return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
            },
            [](sqlite3_file *f, int at, int n, int flags) {
                return real(f)->pMethods->xShmLock(real(f), at, n, flags);
            },
            [](sqlite3_file *f) { real(f)->pMethods->xShmBarrier(real(f)); },
            [](sqlite3_file *f, int drop) { return real(f)->pMethods->xShmUnmap(real(f), drop); },
            nullptr,
            nullptr};
        return all;
    }

    inline static DiskShim *s_self = nullptr;
    inline static sqlite3_vfs *s_real = nullptr;
    sqlite3_vfs m_vfs{};
    mutable std::mutex m_mutex; ///< guards what follows
    std::condition_variable m_wake;
    bool m_hangs = false, m_records = false;
    std::vector<Op> m_ops;
    std::atomic<bool> m_full{false};
    std::atomic<int> m_waiting{0};
    std::atomic<std::int64_t> m_mark{0};
};

/// Follows the ops of a shim and says what is on the disk when the power goes: everything synced,
/// and of the rest any sectors in any order.
class PowerCut
{
public:
    void apply(const DiskShim::Op &op)
    {
        using Op = DiskShim::Op;
        if (op.kind == Op::Sync) {
            auto &durable = m_durable[op.file];
            for (const auto &pending : m_pending[op.file])
                put(durable, pending);
            m_pending[op.file].clear();
        } else if (op.kind == Op::Delete) {
            if (op.isDurable)
                m_durable.erase(op.file);
            else
                m_deleted[op.file] = true;
            m_pending.erase(op.file);
        } else {
            m_deleted.erase(op.file);
            m_pending[op.file].push_back(op);
        }
    }
    /// Writes what is left into `folder`.
    void leave(const std::filesystem::path &folder, engine::Random &random) const
    {
        auto files = m_durable;
        for (const auto &[name, isDeleted] : m_deleted)
            if (isDeleted && random.below(2) == 0)
                files.erase(name);
        for (const auto &[name, pending] : m_pending) {
            auto order = pending;
            for (std::size_t i = order.size(); i > 1; --i)
                std::swap(order[i - 1], order[random.below(i)]);
            for (const auto &op : order)
                tear(files[name], op, random);
        }
        for (const auto &[name, data] : files)
            std::ofstream(folder / name, std::ios::binary) << data;
    }

private:
    static constexpr std::size_t kSector = 512;
    static void put(std::string &file, const DiskShim::Op &op)
    {
        const auto at = static_cast<std::size_t>(op.at);
        if (op.kind == DiskShim::Op::Truncate) {
            file.resize(at);
            return;
        }
        if (file.size() < at + op.data.size())
            file.resize(at + op.data.size());
        file.replace(at, op.data.size(), op.data);
    }
    static void tear(std::string &file, const DiskShim::Op &op, engine::Random &random)
    {
        if (op.kind == DiskShim::Op::Truncate) {
            if (random.below(2) == 0)
                put(file, op);
            return;
        }
        for (std::size_t i = 0; i < op.data.size();) {
            const auto at = static_cast<std::size_t>(op.at) + i;
            const auto size = std::min(kSector - at % kSector, op.data.size() - i);
            if (random.below(2) == 0) {
                auto part = op;
                part.at = static_cast<sqlite3_int64>(at);
                part.data = op.data.substr(i, size);
                put(file, part);
            }
            i += size;
        }
    }
    std::map<std::string, std::string> m_durable;
    std::map<std::string, std::vector<DiskShim::Op>> m_pending;
    std::map<std::string, bool> m_deleted;
};

} // namespace support
