#pragma once
// The bar on the left: one entry per page that exists.

#include <QFrame>

class QVBoxLayout;

namespace ui {

class ModeBar : public QFrame
{
    Q_OBJECT
public:
    explicit ModeBar(QWidget *parent = nullptr);
    void addEntry(const char *name, const QString &icon, const QString &text, const QString &key);
    void setCurrent(int index);

Q_SIGNALS:
    void chosen(int index);

private:
    class Entry;
    QVBoxLayout *m_layout = nullptr;
    std::vector<Entry *> m_entries;
};

} // namespace ui
