#pragma once
// The one way the console does slow work: on a pool thread, answer on the GUI thread, nothing when
// the asker is gone.

#include <QCoreApplication>
#include <QMetaObject>
#include <QPointer>
#include <QThreadPool>

#include <memory>
#include <utility>

namespace ui {

/// `task` runs on a pool thread and must own or outlive-know what it touches; `callback` gets its
/// result on the GUI thread, only while `context` lives. main() joins the pool before it ends.
template <class Task, class Callback>
void runInBackground(QObject *context, Task task, Callback callback)
{
    QThreadPool::globalInstance()->start([guard = QPointer<QObject>(context),
                                          task = std::move(task),
                                          callback = std::move(callback)]() mutable {
        auto result = std::make_shared<decltype(task())>(task());
        QMetaObject::invokeMethod(
            QCoreApplication::instance(),
            [guard, result, callback = std::move(callback)]() mutable {
                if (guard)
                    callback(std::move(*result));
            },
            Qt::QueuedConnection);
    });
}

/// Lets go of something whose end may wait for a thread or a disk, off the GUI thread.
template <class T>
void retire(std::unique_ptr<T> thing)
{
    if (thing)
        QThreadPool::globalInstance()->start(
            [held = std::shared_ptr<T>(std::move(thing))]() mutable { held.reset(); });
}

} // namespace ui
