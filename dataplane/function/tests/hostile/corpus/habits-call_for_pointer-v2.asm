# hook call
f0:
    ldxdw %r6, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r2, %r6
    call local f1
    mov %r1, %r0
    mov %r2, %r6
    call local f1
    mov %r1, %r0
    mov %r0, 0
    jge %r1, %r6, i11
    ldxb %r0, [%r1]
i11:
    exit
f1:
    mov %r0, %r2
    add %r1, 8
    jgt %r1, %r0, i16
    mov %r0, %r1
i16:
    exit
