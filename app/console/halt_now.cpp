#include "app/console/halt_now.h"

#include "engine/agent/local_cluster.h"

#include <QEvent>
#include <QGuiApplication>
#include <QPushButton>
#include <cmath>
#include <cstdio>

namespace console {

HaltNow::HaltNow(ui::MainWindow &window, const engine::Paths &paths) : m_window(window)
{
    if (QGuiApplication::platformName() != QLatin1String("xcb"))
        return;
    m_watch =
        std::make_unique<HaltWatch>(static_cast<std::uint32_t>(window.winId()), [&window, paths] {
            // Over the plain socket first: the window hears of it when it can.
            (void)engine::haltOverSocket(paths);
            QMetaObject::invokeMethod(
                &window, [&window] { window.haltAll(); }, Qt::QueuedConnection);
        });
    if (!m_watch->works()) {
        std::fprintf(stderr,
                     "drillroom: HALT ALL works only while the window answers (%s); else use "
                     "drillctl halt\n",
                     m_watch->problem().c_str());
        return;
    }
    m_button = window.findChild<QPushButton *>(QStringLiteral("haltAllButton"));
    for (QWidget *at = m_button; at && at != &m_window; at = at->parentWidget())
        at->installEventFilter(this);
    place();
}

HaltNow::~HaltNow() = default;

bool HaltNow::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::Move || event->type() == QEvent::Resize
        || event->type() == QEvent::Show)
        place();
    return QObject::eventFilter(watched, event);
}

void HaltNow::place()
{
    if (!m_button)
        return;
    const auto scale = m_window.devicePixelRatioF();
    const auto corner = QPointF(m_button->mapTo(&m_window, QPoint(0, 0))) * scale;
    const auto size = QSizeF(m_button->size()) * scale;
    m_watch->setButton(static_cast<int>(corner.x()), static_cast<int>(corner.y()),
                       static_cast<int>(std::ceil(size.width())),
                       static_cast<int>(std::ceil(size.height())));
}

} // namespace console
