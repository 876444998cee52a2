#pragma once
// The bordered title in the top bar: DRILL or PLAYBACK, the title, the time since inject.

#include <QWidget>

namespace ui {

class RunBadge : public QWidget
{
    Q_OBJECT
public:
    enum Kind { None, Drill, Playback };
    explicit RunBadge(QWidget *parent = nullptr);
    void show(Kind kind, const QString &title, const QString &since);
    [[nodiscard]] Kind kind() const { return m_kind; }

protected:
    void paintEvent(QPaintEvent *event) override;
    [[nodiscard]] QSize sizeHint() const override;

private:
    Kind m_kind = None;
    QString m_title, m_since;
};

} // namespace ui
